import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a program took, with all that it started and waited for. */
export interface Usage {
  wallMs: number
  /** 0, like the two below, where /usr/bin/time is not installed. */
  cpuSeconds: number
  /** Of the largest of its processes. */
  peakBytes: number
  /** Given to the kernel to write to disks. */
  writtenBytes: number
}

const time = '/usr/bin/time'

/**
 * Runs a program, once what others have left to be written is on the disk.
 * @throws It failed; the error ends with what it said.
 */
export async function measured(argv: readonly string[], env: Record<string, string> = {}): Promise<Usage> {
  await run(['sync'], {})
  const folder = mkdtempSync(join(tmpdir(), 'hdsync-usage-'))
  const file = join(folder, 'usage')
  try {
    const timed = existsSync(time) ? [time, '--format=%U %S %M %O', `--output=${file}`, ...argv] : argv
    const startedAt = performance.now()
    await run(timed, env)
    const wallMs = performance.now() - startedAt
    const said = existsSync(file) ? readFileSync(file, 'utf8').trim() : '0 0 0 0'
    const [user = 0, system = 0, peakKiB = 0, writtenBlocks = 0] = said.split(' ').map(Number)
    return {
      wallMs,
      cpuSeconds: user + system,
      peakBytes: peakKiB * 1024,
      // Of 512 bytes: see getrusage(2), ru_oublock.
      writtenBytes: writtenBlocks * 512,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @returns What it printed. @throws It failed. */
export function run(argv: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const [program = '', ...words] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let printed = ''
    let said = ''
    child.stdout.on('data', (chunk) => {
      printed += chunk
    })
    child.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-4000)
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(printed)
      else reject(new Error(`exit ${code} of ${argv.join(' ')}\n${printed.slice(-2000)}${said}`))
    })
  })
}
