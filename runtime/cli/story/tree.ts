import { catalogue } from '../../../events/index.ts'
import type { Story, StoryEvent } from '../../core/bus/journal.ts'

/** An event and what came of it. */
export interface Node extends StoryEvent {
  /** What has happened, as against what was asked for. */
  fact: boolean
  children: Node[]
  /** Generations below it. */
  reach: number
}

/**
 * The events of a run as trees. There is one as a rule; an event whose parent is not there begins another.
 * @param story Parents before their children, as the journal has them.
 */
export function treesOf({ events }: Story): Node[] {
  const nodes = new Map<string, Node>()
  const roots: Node[] = []
  for (const one of events) {
    const { id, type, parentid } = one.event
    const external = catalogue.get(type)?.external ?? one.deliveries.length === 0
    const node: Node = { ...one, fact: external, children: [], reach: 0 }
    nodes.set(id, node)
    const siblings = nodes.get(parentid ?? '')?.children ?? roots
    siblings.push(node)
  }
  for (const node of [...nodes.values()].reverse()) {
    node.reach = Math.max(-1, ...node.children.map(({ reach }) => reach)) + 1
  }
  return roots
}

/** What follows an event: facts, steps beside the chain, and the step with which the chain goes on. */
export interface Following {
  facts: Node[]
  branches: Node[]
  next: Node | undefined
}

/**
 * Tells the chain from its branches. A night's chain is long (each attempt, each source hangs below the one
 * before): drawn as a plain tree it would run off the screen. So the step that leads furthest is drawn on the
 * same level, and only what stands beside it is moved in. Steps of one kind (a lane for each target) are equals:
 * all of them are moved in.
 */
export function followingOf({ children }: Pick<Node, 'children'>): Following {
  const facts = children.filter(({ fact }) => fact)
  const steps = children.filter(({ fact }) => !fact)
  const equals = steps.length > 1 && new Set(steps.map(({ event }) => event.type)).size === 1
  const furthest = Math.max(...steps.map(({ reach }) => reach))
  const next = equals ? undefined : steps.findLast(({ reach }) => reach === furthest)
  return { facts, branches: steps.filter((step) => step !== next), next }
}
