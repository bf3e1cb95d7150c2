import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  request,
  rsyncServed,
  type VaultCopy,
  protocolVersion as v,
} from '../../../../runtime/vault-protocol.ts'

// A vault that says what a vault says, and guards nothing: `node stand-in.ts FOLDER`. A file `refuse` in it has it refuse.

const folder = process.argv[2] ?? ''
const line = process.env.SSH_ORIGINAL_COMMAND ?? ''
const incoming = join(folder, 'incoming')
const laid = join(folder, 'base')
const listFile = join(folder, 'copies.json')
for (const name of [incoming, laid, join(folder, 'archives')]) mkdirSync(name, { recursive: true })
appendFileSync(join(folder, 'asked'), `${line}\n`)
const copies: VaultCopy[] = existsSync(listFile) ? JSON.parse(readFileSync(listFile, 'utf8')) : []
const now = new Date().toISOString()

const served = rsyncServed(line, laid)
if (served) {
  const [program, ...words] = served.argv
  process.exitCode = spawnSync(program, words, { cwd: incoming, stdio: 'inherit' }).status ?? 1
} else answer()

function answer(): boolean | undefined {
  const parsed = request.safeParse(JSON.parse(line))
  if (!parsed.success) return refuse('that is no request')
  const asked = parsed.data
  const base = { v, ok: true, now }
  if (asked.do !== 'status' && existsSync(join(folder, 'refuse')))
    return refuse('the quota of web1 is used up')
  if (asked.do === 'status') {
    return say({
      ...base,
      host: 'web1',
      usedBytes: 0,
      quotaBytes: null,
      freeBytes: 1e12,
      mayGet: true,
      copies,
    })
  }
  if (asked.do === 'get') {
    const found = join(folder, 'archives', asked.sha256)
    if (!existsSync(found)) {
      process.stderr.write('there is no such copy\n')
      process.exitCode = 1
      return
    }
    return process.stdout.write(readFileSync(found).subarray(asked.offset))
  }
  const { archive } = asked
  const { source, sha256 } = archive
  const name = `${source}-${sha256}`
  const part = join(incoming, name)
  const has = existsSync(join(folder, 'archives', sha256))
  if (asked.do === 'offer') {
    const last = copies.findLast((one) => one.source === source)
    if (!has && last) copyFileSync(join(folder, 'archives', last.sha256), join(laid, name))
    return say({ ...base, has, name, laidBytes: 0 })
  }
  if (!has) {
    const bytes = readFileSync(part)
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      rmSync(part)
      return refuse('what came is not what was offered')
    }
    renameSync(part, join(folder, 'archives', sha256))
  }
  const proved = { ...archive, provedAt: now, readAt: now, damaged: false }
  writeFileSync(`${listFile}.new`, JSON.stringify([...copies, proved]))
  renameSync(`${listFile}.new`, listFile)
  return say({ ...base, proved })
}

function refuse(error: string): boolean {
  process.exitCode = 1
  return say({ v, ok: false, error, isFinal: false })
}

function say(words: object): boolean {
  return process.stdout.write(`${JSON.stringify(words)}\n`)
}
