import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { admit, noteSent } from '../../../../../runtime/backup/vault/admit.ts'
import { answerRequest } from '../../../../../runtime/backup/vault/answer.ts'
import type { VaultEvent, VaultTools } from '../../../../../runtime/backup/vault/vault.ts'
import { type Vault, vaultSchema } from '../../../../../runtime/config/vault.ts'
import { makeHostFolder, makeVault } from '../../../../../runtime/host/vault/host-folder.ts'
import type { OfferedArchive } from '../../../../../runtime/vault-protocol.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../../host/runner.ts'

// biome-ignore lint/suspicious/noExplicitAny: what is answered is looked at by each test.
type Answer = any

/**
 * A vault of the present user in this process, whose clock is moved by hand. Bytes come without rsync.
 * @param prepare Called with its folder before anything is in it.
 */
export function vaultInProcess(
  hosts: Record<string, object> = { web1: {} },
  prepare: (path: string) => void = () => {},
) {
  const folder = temporaryFolder()
  const path = join(folder, 'vault')
  const vault: Vault = vaultSchema.parse({ path, hosts })
  mkdirSync(path)
  prepare(path)
  makeVault(path, vault.concurrency)
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  for (const host of Object.keys(hosts)) makeHostFolder(path, host, ids)
  const events: VaultEvent[] = []
  const clock = { now: Date.parse('2026-11-01T03:00:00.000Z') }
  const tools: VaultTools = {
    ...{ vault, runner: recordingRunner().runner, signal: new AbortController().signal },
    now: () => clock.now,
    tell: (event) => void events.push(event),
  }
  async function ask(request: object, host = 'web1'): Promise<Answer> {
    const answer = await answerRequest(host, { v: 1, ...request } as never, tools)
    return 'line' in answer ? JSON.parse(answer.line) : answer
  }
  return {
    ...{ folder, path, vault, tools, events, clock, ask },
    incoming: (name: string, host = 'web1') => join(path, host, 'incoming', name),
    /** Offers, sends and proves. @param newBytes How many came over the wire. */
    async send(
      bytes: Uint8Array,
      about: Partial<OfferedArchive> = {},
      newBytes = bytes.length,
    ): Promise<Answer> {
      const archive = archiveOf(bytes, { at: new Date(clock.now).toISOString(), ...about })
      const offered = await ask({ do: 'offer', archive })
      if (!offered.ok) return offered
      if (!offered.has) {
        await admit('web1', offered.name, tools)
        writeFileSync(join(path, 'web1/incoming', offered.name), bytes)
        await noteSent('web1', { name: offered.name, newBytes }, tools)
      }
      return ask({ do: 'prove', archive })
    },
    async copies(host = 'web1'): Promise<Answer[]> {
      const status = await ask({ do: 'status' }, host)
      expect(status.ok).toBe(true)
      return status.copies
    },
  }
}

export function archiveOf(bytes: Uint8Array, about: Partial<OfferedArchive> = {}): OfferedArchive {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const at = '2026-11-01T02:00:00.000Z'
  return { source: 'home', at, form: 'tar.zst', sizeBytes: bytes.length, sha256, ...about }
}

export const dayMs = 86_400_000
