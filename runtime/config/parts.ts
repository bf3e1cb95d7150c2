import type * as z from 'zod'
import { copyFields } from './copies.ts'
import { httpSchema } from './http.ts'
import { type Loose, looseMap, wellFormed } from './loose.ts'
import type { Parts } from './loose-parts.ts'
import { hookFields } from './notify.ts'
import { archiveFields, configSchema, sourceFields, targetSchema } from './schema.ts'
import { vaultSchema } from './vault.ts'

/**
 * The parts of a config that can be checked against each other. Each value is read by itself: a mistake in one key of a
 * source hides neither a second one in the same source, nor that two others clash.
 */
export function partsOf(value: unknown): Parts {
  const { sources, targets, archive, copies, vault, http, notify, keep, alert } = looseMap.parse(value)
  return {
    sources: entriesOf(sources, sourceFields),
    targets: entriesOf(targets, targetSchema),
    archive: archive === undefined ? undefined : wellFormed(archiveFields, archive),
    hasArchive: archive !== undefined,
    copies: entriesOf(copies, copyFields),
    vaultPath: wellFormed(vaultSchema, looseMap.parse(vault))?.path,
    http: http === undefined ? undefined : wellFormed(httpSchema, http),
    hasToken: looseMap.parse(http).tokenFile !== undefined,
    sourceNames: Object.keys(looseMap.parse(sources)),
    hooks: (Array.isArray(notify) ? notify : []).map((hook) => wellFormed(hookFields, hook) ?? {}),
    keepMs: wellFormed(configSchema.shape.keep, keep),
    alertAfterMs: wellFormed(configSchema.shape.alert, alert)?.after,
    targetNames: Object.keys(looseMap.parse(targets)),
  }
}

function entriesOf<T extends z.ZodType>(map: unknown, schema: T): [name: string, part: Loose<z.output<T>>][] {
  return Object.entries(looseMap.parse(map)).map(([name, value]) => {
    return [name, wellFormed(schema, value) ?? ({} as Loose<z.output<T>>)]
  })
}
