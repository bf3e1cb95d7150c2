import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** An sshd of the bench, behind a port that counts what passes, both ways. */
export interface Site extends Disposable {
  port: number
  keyFile: string
  knownHosts: string
  /** How ssh is called, but for the destination. */
  ssh: string[]
  /** Bytes that have passed since the last call. */
  passed(): number
}

export const whyNoSite = process.getuid?.() === 0 ? undefined : 'sshd is started by root'

/**
 * Starts it.
 * @param vaultCommand What the key of a host of the vault runs. The other key may do anything: it is that of the peers.
 */
export async function startSite(folder: string, vaultCommand: string): Promise<Site> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  mkdirSync('/run/sshd', { recursive: true })
  for (const name of ['host', 'vault', 'peer'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(folder, name)])
  const publicKey = (name: string) => readFileSync(join(folder, `${name}.pub`), 'utf8').trim()
  writeFileSync(
    join(folder, 'authorized_keys'),
    `restrict,command="${vaultCommand}" ${publicKey('vault')}\n${publicKey('peer')}\n`,
  )
  const behind = await freePort()
  const words = [
    ...[`Port=${behind}`, 'ListenAddress=127.0.0.1', `HostKey=${join(folder, 'host')}`, 'PidFile=none'],
    ...[
      'UsePAM=no',
      'StrictModes=no',
      'PermitRootLogin=yes',
      `AuthorizedKeysFile=${join(folder, 'authorized_keys')}`,
    ],
    ...['Subsystem=sftp internal-sftp', `SetEnv=HOME=${folder} SHLVL=5`],
  ].flatMap((option) => ['-o', option])
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', '/dev/null', ...words], { stdio: 'ignore' })
  let bytes = 0
  const server = createServer((client) => {
    const inner = connect(behind, '127.0.0.1')
    for (const [one, other] of [
      [client, inner],
      [inner, client],
    ] as const) {
      one.setNoDelay(true)
      one.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      one.on('error', () => other.destroy())
      one.pipe(other)
    }
  })
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  )
  const knownHosts = join(folder, 'known_hosts')
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${publicKey('host')}\n`, { mode: 0o600 })
  const options = [`UserKnownHostsFile=${knownHosts}`, 'BatchMode=yes', 'LogLevel=ERROR'].flatMap((one) => [
    '-o',
    one,
  ])
  const ssh = ['ssh', '-F', 'none', '-p', String(port), '-i', join(folder, 'peer'), ...options]
  while (!answers(behind)) await sleep(50)
  return {
    ...{ port, keyFile: join(folder, 'vault'), knownHosts, ssh },
    passed() {
      const now = bytes
      bytes = 0
      return now
    },
    [Symbol.dispose]() {
      sshd.kill('SIGKILL')
      server.close()
    },
  }
}

function answers(port: number): boolean {
  try {
    execFileSync('ssh-keyscan', ['-T', '1', '-p', String(port), '127.0.0.1'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    }),
  )
}
