import { count } from '../../count.ts'

/** Says that the catalogue of a source is stale. @param unknown The archives that it does not know: ids or paths. */
export function staleText(source: string, unknown: readonly string[]): string {
  const those = unknown.length === 1 ? '1 archive' : `${count(unknown.length)} archives`
  const named = unknown.length > 3 ? [...unknown.slice(0, 3), '…'] : unknown
  return `${source}: the catalogue does not know ${those}, which listings read whole: ${named.join(', ')}`
}

/** What makes it whole. */
export function rebuildCommand(source: string): string {
  return `hdsync catalogue rebuild ${source}`
}

/** Says why a listing takes long. @param mayRebuild Whether there is a config to do that by. */
export function slowText(point: string, source: string, mayRebuild: boolean): string {
  const mend = mayRebuild ? `; ${rebuildCommand(source)} mends that` : ''
  return `no catalogue knows ${point}: its archive is read whole, which takes longer${mend}`
}
