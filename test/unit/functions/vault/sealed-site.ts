import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { CopyResult } from '../../../../events/index.ts'
import type { Clock } from '../../../../runtime/core/clock.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { Site } from './site.ts'

/** A site whose copies are encrypted, with the identity of the recipient elsewhere. @param more Further keys of the copy. */
export async function sealedSite(more = '') {
  const folder = temporaryFolder()
  const [recipients, identity] = [`${folder}/recipients.txt`, `${folder}/identity.txt`]
  const encryptTo = (name: string) => {
    execFileSync('age-keygen', ['-o', name], { stdio: 'pipe' })
    writeFileSync(recipients, execFileSync('age-keygen', ['-y', name]), { mode: 0o644 })
  }
  encryptTo(identity)
  const site = await Site.made({ more: `, encryptTo: ${recipients}${more}` })
  const copied = async (clock?: Clock) =>
    (await site.run(() => {}, clock)).at(-1)?.data as { state: string; copies: CopyResult[] }
  return { site, identity, encryptTo, copied, another: `${folder}/another.txt` }
}

/** As the how-to has it. @param folder Where it is opened. */
export function openedByHand(copy: string, identity: string, folder = temporaryFolder()): Buffer {
  const docs = readFileSync(`${import.meta.dirname}/../../../../deploy/docs/vault.md`, 'utf8')
  const [, script = ''] = /```sh\n(# a copy opened by hand\n.*?)```/s.exec(docs) ?? []
  execFileSync(
    'bash',
    ['-e', '-o', 'pipefail', '-c', script.replaceAll('COPY', copy).replaceAll('identity.txt', identity)],
    { cwd: folder, stdio: 'pipe' },
  )
  return readFileSync(`${folder}/archive`)
}
