import { createHash } from 'node:crypto'
import type { MachineRecord } from '../../host/machine/record.ts'
import type { Step } from '../../host/machine/step.ts'
import { devicesToFill, type Making, type RescueGround } from './making.ts'
import { disksToMake } from './map-disks.ts'
import { newNames } from './new-devices.ts'
import { startSteps } from './start-steps.ts'
import { storageSteps } from './storage-steps.ts'
import { treeSteps } from './tree-steps.ts'

export interface RescuePlan {
  steps: Step[]
  /** What a person has to look at: sentences. */
  notes: string[]
}

/** All steps that rebuild the machine, in order. Nothing is done. */
export function planRescue(ground: RescueGround): RescuePlan {
  const steps: Step[] = []
  const notes: string[] = []
  const seen = new Map<string, number>()
  const making: Making = {
    ...ground,
    now: newNames(ground.record, ground.mapped),
    add(step) {
      const key = JSON.stringify([step.argv, step.input])
      const count = (seen.get(key) ?? 0) + 1
      seen.set(key, count)
      const id = createHash('sha256').update(`${key} ${count}`).digest('hex').slice(0, 12)
      steps.push({ id, ...step })
    },
    note: (text) => void notes.push(text),
  }
  storageSteps(making)
  treeSteps(making)
  startSteps(making)
  return { steps, notes }
}

/** The disks that have to be replaced. */
export function disksNeeded(record: MachineRecord) {
  return disksToMake(record, devicesToFill(record))
}
