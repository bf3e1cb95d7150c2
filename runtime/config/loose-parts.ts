import type * as z from 'zod'
import type { copyFields } from './copies.ts'
import type { httpSchema } from './http.ts'
import type { Loose } from './loose.ts'
import type { hookFields } from './notify.ts'
import type { archiveFields, sourceFields, targetSchema } from './schema.ts'

/** The parts of a config that are well-formed, to be checked against each other. What is not, is left out. */
export interface Parts {
  sources: [name: string, source: Loose<z.output<typeof sourceFields>>][]
  targets: [name: string, target: Loose<z.output<typeof targetSchema>>][]
  archive?: Loose<z.output<typeof archiveFields>> | undefined
  copies: [name: string, copy: Loose<z.output<typeof copyFields>>][]
  /** The folder of the vault, if this machine is one. */
  vaultPath?: string | undefined
  /** By their place in the list. */
  hooks: Loose<z.output<typeof hookFields>>[]
  /** How long the record of a run is kept, and how long a source may go without a success. */
  keepMs?: number | undefined
  alertAfterMs?: number | undefined
  /** Whether archives are asked for, and a token, well-formed or not. */
  hasArchive: boolean
  hasToken: boolean
  http?: Loose<z.output<typeof httpSchema>> | undefined
  /** All that are there, well-formed or not. */
  sourceNames: string[]
  targetNames: string[]
}
