import { counted } from '../../count.ts'

/** Says that the catalogue of a source is stale. @param unknown The archives that it does not know: ids or paths. */
export function staleText(source: string, unknown: readonly string[]): string {
  const those = counted(unknown.length, 'archive')
  const named = unknown.length > 3 ? [...unknown.slice(0, 3), '…'] : unknown
  return `${source}: the catalogue does not know ${those}, which listings read whole: ${named.join(', ')}`
}

/** What makes it whole. */
export function rebuildCommand(source: string): string {
  return `hdsync catalogue rebuild ${source}`
}

/** Says why a listing takes long. @param mayRebuild Whether there is a config to do that by. */
export function slowText(point: string, source: string, mayRebuild: boolean): string {
  return `no catalogue knows ${point}: its archive is read whole, which takes longer${mendText(source, mayRebuild)}`
}

/** What a line ends with that says so. @param mayRebuild Whether there is a config to do that by. */
export function mendText(source: string, mayRebuild: boolean): string {
  return mayRebuild ? `; ${rebuildCommand(source)} mends that` : ''
}
