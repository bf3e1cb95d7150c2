import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fromCache, keyOf } from '../lab/cache.ts'

// A real NATS server. Debian's stable release has one that is too old: that of forky needs a libc that stable has.

const run = promisify(execFile)
const timeout = 120_000
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const source = `deb [signed-by=${keyring}] http://deb.debian.org/debian forky main\n`

/** Debian's unit, which is kept beside the program where that was fetched. */
export const unit = 'nats-server.service'

/** The program, or why there is none here. */
export type Available = { program: string } | { why: string }

let found: Promise<Available> | undefined

/** Finds the server: installed here, kept from an earlier run, or fetched by apt. */
export function natsServer(): Promise<Available> {
  found ??= look()
  return found
}

/** The server for a suite: its `program`, or what the title of what is skipped says: `missing`. Each is empty where it is the other one. */
export async function natsForTests(): Promise<{ program: string; missing: string }> {
  const nats = await natsServer()
  return 'program' in nats
    ? { program: nats.program, missing: '' }
    : { program: '', missing: `: skipped, ${nats.why}` }
}

async function look(): Promise<Available> {
  const installed = '/usr/sbin/nats-server'
  if (existsSync(installed) && isNewEnough(installed)) return { program: installed }
  if (!existsSync('/usr/bin/apt-get') || !existsSync(keyring))
    return { why: 'no nats-server 2.14, and no Debian to fetch it from' }
  try {
    const folder = await fromCache({
      kind: 'nats-server',
      key: keyOf([source, process.arch, unit]),
      kept: 1,
      make: fetchInto,
    })
    return { program: join(folder, 'nats-server') }
  } catch (error) {
    return { why: `no nats-server 2.14: ${(error as Error).message.split('\n')[0]}` }
  }
}

function isNewEnough(program: string): boolean {
  const [, major, minor] =
    /v(\d+)\.(\d+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' })) ?? []
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 14)
}

/** With lists of its own: those of this machine are left alone. */
async function fetchInto(folder: string): Promise<void> {
  const apt = join(folder, 'apt')
  for (const name of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(apt, name), { recursive: true })
  writeFileSync(join(apt, 'sources.list'), source)
  const options = [
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::Retries=2',
  ].flatMap((one) => ['-o', one])
  await run('apt-get', [...options, 'update', '-qq'], { timeout })
  await run('apt-get', [...options, 'download', '-qq', 'nats-server'], { cwd: folder, timeout })
  await run(
    'sh',
    [
      '-c',
      `dpkg -x nats-server_*.deb tree && cp tree/usr/sbin/nats-server . && cp tree/*/lib/systemd/system/${unit} tree/lib/systemd/system/${unit} . 2>/dev/null; rm -rf tree apt nats-server_*.deb`,
    ],
    {
      cwd: folder,
      timeout,
    },
  )
  if (!isNewEnough(join(folder, 'nats-server'))) throw new Error(`forky has ${readVersion(folder)}`)
}

function readVersion(folder: string): string {
  return execFileSync(join(folder, 'nats-server'), ['--version'], { encoding: 'utf8' }).trim()
}

/** Lines of a log, for a message. */
export function endOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-20).join('\n') : ''
}
