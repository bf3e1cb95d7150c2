import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import { type OfferedArchive, rsyncOptions } from '../../../../runtime/vault-protocol.ts'
import { compileCache, program } from '../../program.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

const sshd = '/usr/sbin/sshd'

/** Why tests over ssh are skipped here. */
export const noSsh: string | undefined = existsSync(sshd)
  ? undefined
  : 'there is no sshd: apt-get install openssh-server'

/** Why tests with users of their own are skipped here. */
export const noUsers = noSsh ?? (process.getuid?.() === 0 ? unreachable() : 'only root makes users')

/** What is tested, or its Node, may lie where only root gets. As an sshd has it: nothing of this environment. */
function unreachable(): string | undefined {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--']
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
  const { status } = spawnSync('setpriv', [...nobody, program, '--version'], { env })
  return status === 0 ? undefined : `another user than root cannot run ${program} with Node 24 or newer`
}

/** How a command over ssh ended. */
export interface Said {
  code: number | null
  out: string
  err: string
}

/** A vault of the present user, behind an sshd of its own on a port of its own. */
export interface Loopback {
  folder: string
  vault: string
  config: string
  /** Runs `hdsync` on the vault. */
  hdsync(...args: string[]): Promise<Said>
  /** Asks as the host. */
  ask(request: unknown): Promise<Said & { answer: Answer }>
  /** Runs whatever over ssh, as the host's key lets it. */
  ssh(command: string, input?: string): Promise<Said>
  /** Sends a file as the host does. @param more Options of rsync. */
  send(file: string, name: string, more?: readonly string[]): Promise<Said & { sentBytes: number }>
  /** The command with which rsync reaches the vault. */
  shell: string
  sshd: ChildProcess
  /** Starts `hdsync serve` on the vault, and waits until hosts are answered. */
  serve(): Promise<ChildProcess>
}

// biome-ignore lint/suspicious/noExplicitAny: what is answered is looked at by each test.
type Answer = any

/** @param hosts The line of the config. */
export async function makeLoopback({
  hosts = '{ web1: {} }',
  host = 'web1',
  own = true,
  shared = false,
}: {
  hosts?: string
  host?: string
  /** Whether the host sends as the user of this test; a user is made for it otherwise, and removed again. */
  own?: boolean
  /** Whether all that is asked over ssh are sessions of one connection, as in a run of copies. */
  shared?: boolean
} = {}): Promise<Loopback> {
  const user = own ? userInfo().username : `hdsync-${host}`
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  const vault = join(folder, 'vault')
  const config = join(folder, 'hdsync.yaml')
  writeFileSync(
    config,
    `vault: { path: ${vault}, hosts: ${hosts} }\nstate: ${folder}/state\nhttp: { socket: ${folder}/run/hdsync.sock }\n`,
    {
      mode: 0o600,
    },
  )
  for (const key of ['host', 'client'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)])
  const hdsync = (...args: string[]) => run(program, args, { HDSYNC_CONFIG: config })
  if (!own) onTestFinished(() => void execFileSync('userdel', [user], { stdio: 'ignore' }))
  const as = own ? ['--user', user] : []
  const added = await hdsync('vault', 'add-host', host, '--key', join(folder, 'client.pub'), ...as)
  expect(added, added.err).toMatchObject({ code: 0 })
  const port = await freePort()
  writeFileSync(
    join(folder, 'sshd_config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${folder}/host`,
      `PidFile ${folder}/sshd.pid`,
      `AuthorizedKeysFile ${vault}/${host}/.ssh/authorized_keys`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      // What a login of this user reads is not to be waited for.
      `SetEnv HOME=${folder} SHLVL=5 ${compileCache}`,
      'MaxStartups 100:30:200',
      '',
    ].join('\n'),
  )
  mkdirSync('/run/sshd', { recursive: true })
  const daemon = spawn(sshd, ['-D', '-e', '-f', join(folder, 'sshd_config')], { stdio: 'ignore' })
  onTestFinished(() => void daemon.kill('SIGKILL'))
  const known = readFileSync(join(folder, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ')
  writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${port} ${known}\n`)
  const words = [
    ...['-F', 'none', '-p', String(port), '-i', join(folder, 'client'), '-l', user],
    ...['-o', `UserKnownHostsFile=${folder}/known_hosts`, '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
  ]
  if (shared) {
    const socket = join(folder, 'mux')
    words.push('-o', 'ControlMaster=auto', '-o', `ControlPath=${socket}`, '-o', 'ControlPersist=60')
    onTestFinished(() => void spawnSync('ssh', ['-S', socket, '-O', 'exit', 'vault'], { stdio: 'ignore' }))
  }
  const shell = ['ssh', ...words].join(' ')
  const ssh = (command: string, input = '') => run('ssh', [...words, '127.0.0.1', command], {}, input)
  await expect.poll(async () => (await ssh('{}')).code).not.toBe(255)
  return {
    ...{ folder, vault, config, hdsync, ssh, shell, sshd: daemon },
    async serve() {
      const daemon = spawn(program, ['serve'], {
        env: { ...process.env, HDSYNC_CONFIG: config },
        stdio: 'inherit',
      })
      onTestFinished(async () => {
        const ended = new Promise((resolve) => daemon.once('exit', resolve))
        if (daemon.kill('SIGTERM')) await ended
      })
      await expect.poll(() => existsSync(join(folder, 'run/vault.sock'))).toBe(true)
      return daemon
    },
    async ask(request) {
      const said = await ssh(JSON.stringify(request))
      return { ...said, answer: said.out === '' ? undefined : JSON.parse(said.out) }
    },
    async send(file, name, more = []) {
      const argv = [...rsyncOptions, '--stats', ...more, '-e', shell, file, `127.0.0.1:${name}`]
      const said = await run('rsync', argv)
      const sent = /^Total bytes sent: ([\d,]+)$/m.exec(said.out)?.[1]?.replaceAll(',', '')
      return { ...said, sentBytes: Number(sent) }
    },
  }
}

/** An archive of these bytes, in a file. */
export function archiveOf(
  folder: string,
  bytes: Uint8Array,
  { source = 'home', at = '2026-11-22T02:00:00.000Z' } = {},
): { file: string; archive: OfferedArchive } {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const file = join(folder, `${sha256.slice(0, 16)}.tar.zst`)
  writeFileSync(file, bytes)
  return { file, archive: { source, at, form: 'tar.zst', sizeBytes: bytes.length, sha256 } }
}

/** Offers, sends and proves an archive. */
export async function sendWhole(
  { ask, send }: Pick<Loopback, 'ask' | 'send'>,
  { file, archive }: ReturnType<typeof archiveOf>,
) {
  const offered = await ask({ v: 1, do: 'offer', archive })
  expect(offered, offered.err).toMatchObject({ code: 0 })
  const sent = offered.answer.has ? undefined : await send(file, offered.answer.name)
  if (sent) expect(sent, sent.err).toMatchObject({ code: 0 })
  const proved = await ask({ v: 1, do: 'prove', archive })
  expect(proved, proved.err).toMatchObject({ code: 0 })
  return {
    ...{ offered: offered.answer, sentBytes: sent?.sentBytes ?? 0, proved: proved.answer.proved },
    said: sent?.err ?? '',
  }
}

async function run(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
  input = '',
): Promise<Said> {
  const child = spawn(file, args, { env: { ...process.env, LC_ALL: 'C', ...env } })
  child.stdin.on('error', () => {}).end(input)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise<void>((resolve) => void server.close(() => resolve()))
  return port
}
