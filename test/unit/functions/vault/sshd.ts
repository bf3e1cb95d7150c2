import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { compileCache } from '../../program.ts'

const program = '/usr/sbin/sshd'

/** Why tests with a real sshd are skipped; undefined where they are not. */
export const whyNoSshd = !existsSync(program)
  ? 'openssh-server is not installed'
  : process.getuid?.() !== 0
    ? 'sshd is started by root'
    : undefined

/** A real sshd on a port of its own, with keys made for it. Its one user may run one command. */
export class Sshd implements AsyncDisposable {
  readonly port: number
  readonly user = userInfo().username
  readonly keyFile: string
  readonly #folder: string
  #child: ReturnType<typeof spawn> | undefined

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.port = port
    this.keyFile = join(folder, 'vault.key')
  }

  /** @param command What the key of `keyFile` runs, whatever is asked for. */
  static async start(folder: string, command: string): Promise<Sshd> {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    const sshd = new Sshd(folder, await freePort())
    keygen(sshd.keyFile)
    sshd.newHostKey()
    const key = readFileSync(`${sshd.keyFile}.pub`, 'utf8')
    writeFileSync(
      join(folder, 'authorized_keys'),
      `restrict,command="${command.replaceAll('"', '\\"')}" ${key}`,
    )
    await sshd.listen()
    return sshd
  }

  /** Gives it another host key: the next that is started has it. */
  newHostKey(): void {
    const file = join(this.#folder, 'host.key')
    execFileSync('rm', ['-f', file, `${file}.pub`])
    keygen(file)
  }

  /** The line of known_hosts that it is known by. */
  get knownHost(): string {
    const [type, key] = readFileSync(join(this.#folder, 'host.key.pub'), 'utf8').split(' ')
    return `[127.0.0.1]:${this.port} ${type} ${key}\n`
  }

  async listen(): Promise<void> {
    const options = {
      ...{ Port: this.port, ListenAddress: '127.0.0.1', HostKey: join(this.#folder, 'host.key') },
      ...{ PidFile: 'none', UsePAM: 'no', StrictModes: 'no', PasswordAuthentication: 'no' },
      ...{ AuthorizedKeysFile: join(this.#folder, 'authorized_keys'), PermitRootLogin: 'yes' },
      MaxStartups: '100',
      // A shell that sshd starts would read the .bashrc of whoever runs the tests.
      SetEnv: `HOME=${this.#folder} SHLVL=5 ${compileCache}`,
    }
    const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    const child = spawn(program, ['-D', '-e', '-f', '/dev/null', ...words], { stdio: 'ignore' })
    this.#child = child
    // A test that fails before it has hold of it ends it too.
    onTestFinished(() => void child.kill('SIGKILL'))
    for (let n = 0; n < 200; n += 1) {
      if (await listens(this.port)) return
      await sleep(25)
    }
    throw new Error('sshd does not listen')
  }

  /** Ends it, and the connections that it has. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child?.pid === undefined || child.exitCode !== null) return
    const ended = once(child, 'exit')
    for (const pid of [...childrenOf(child.pid), child.pid]) kill(pid, signal)
    await ended
  }

  /** How many processes serve connections now. */
  get serving(): number {
    return this.#child?.pid === undefined ? 0 : childrenOf(this.#child.pid).length
  }

  /** Kills its connections, and what they run. */
  breakConnections(): void {
    if (this.#child?.pid === undefined) return
    // The connection first: who is left would tell over it why what it runs has ended.
    for (const pid of childrenOf(this.#child.pid).toReversed()) kill(pid, 'SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
  }
}

function keygen(file: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file])
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

async function listens(port: number): Promise<boolean> {
  try {
    execFileSync('ssh-keyscan', ['-T', '1', '-p', String(port), '127.0.0.1'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

function childrenOf(pid: number): number[] {
  let text = ''
  try {
    text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  } catch {}
  const own = text.trim().split(' ').filter(Boolean).map(Number)
  return [...own.flatMap(childrenOf), ...own]
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {}
}
