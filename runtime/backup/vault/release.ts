import { addToRecord, readRecord } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import { type VaultTools, withHost } from './vault.ts'

/**
 * Puts on record that somebody has looked at what is odd about a host.
 * @param source Of that one alone.
 * @returns The sources of which something was.
 * @throws {RetryableError} Something of the host is going on.
 */
export function release(host: string, source: string | undefined, tools: VaultTools): Promise<string[]> {
  return withHost(host, tools, async ({ root }) => {
    const odd = readRecord(root).odd.filter((one) => source === undefined || one.source === source)
    const at = isoOf(tools.now())
    addToRecord(root, ...odd.map((one) => ({ did: 'release' as const, source: one.source, at })))
    return odd.map((one) => one.source)
  })
}
