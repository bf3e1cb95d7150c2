import {
  type DrillJob,
  type DrillResult,
  drillFailed,
  drillFinished,
  type Envelope,
  readStored,
} from '../../../events/index.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'

/** How the drill of a source ended, and when, in milliseconds since the epoch. */
export interface Drilled {
  at: number
  result: DrillResult
}

/** The kinds of events that end a drill. */
export const drillEnds = [drillFinished, drillFailed]

/** How many of them are read. */
export const drillsLookedAt = 200

/** Reads the ends of drills. @param ends The newest first. @returns The newest first. */
export function drilled(ends: readonly Envelope[]): Drilled[] {
  return ends.flatMap(({ type, time, data }) => {
    const definition = drillEnds.find((one) => one.type === type)
    const read = definition && readStored(definition, data)
    const sources: readonly DrillResult[] = read?.success ? read.data.sources : []
    return sources.map((result) => ({ at: Date.parse(time), result }))
  })
}

/** When a restore of a source was proven last; in milliseconds since the epoch. */
export function lastProven(history: readonly Drilled[], source: string): number | undefined {
  return history.find(({ result }) => result.source === source && result.state === 'proven')?.at
}

/** When a restore of this very point was proven last: what stands in its path now may be another one. */
export function pointProven(
  history: readonly Drilled[],
  { source, path, at }: RestorePoint,
): number | undefined {
  const proof = history.find(
    ({ result }) => result.source === source && result.path === path && result.state === 'proven',
  )
  return proof && proof.at >= Date.parse(at) ? proof.at : undefined
}

/** What a drill is asked for, and by which config. */
export interface JobFacts {
  /** All of the config, in its order. */
  sources: readonly string[]
  asked: { source?: string | undefined; whole?: boolean | undefined }
  rotates: boolean
  history: readonly Drilled[]
}

/** What a drill restores: each source, and of them the one whole whose turn it is. */
export function drillJobs({ sources, asked, rotates, history }: JobFacts): DrillJob[] {
  if (asked.source !== undefined) return [{ source: asked.source, whole: asked.whole ?? false }]
  const wholeAt = (source: string) =>
    history.find(({ result }) => result.source === source && result.whole && result.state === 'proven')?.at ??
    0
  const turn = rotates ? sources.toSorted((one, other) => wholeAt(one) - wholeAt(other))[0] : undefined
  return sources.map((source) => ({ source, whole: asked.whole ?? source === turn }))
}

/** The restore point whose restore was proven longest ago, or never; the newest of those. */
export function pointToDrill(
  points: readonly RestorePoint[],
  history: readonly Drilled[],
): RestorePoint | undefined {
  const provenAt = ({ source, path }: RestorePoint) =>
    history.find(
      ({ result }) => result.source === source && result.path === path && result.state === 'proven',
    )?.at ?? 0
  return points.toSorted(
    (one, other) => provenAt(one) - provenAt(other) || Date.parse(other.at) - Date.parse(one.at),
  )[0]
}
