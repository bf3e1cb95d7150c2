import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { main } from '../../../../runtime/cli/program.ts'
import { program } from '../../program.ts'
import { backUp, makeServer, printed, type Server } from '../../runtime/cli/night.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { CopySite } from '../copy-site.ts'
import { Sshd } from './sshd.ts'

/** A server whose archives a vault on this machine fetches over a real ssh, after a night. */
export class PullSite extends CopySite implements AsyncDisposable {
  readonly sshd: Sshd
  /** The folder of the vault, and its config. */
  readonly vault: string
  readonly vaultConfig: string

  private constructor(server: Server, sshd: Sshd, folder: string, vault: string) {
    super(server)
    this.sshd = sshd
    this.vault = vault
    this.vaultConfig = join(folder, 'vault.yaml')
  }

  /**
   * @param pull Further keys of `pull`, `host` of the host beside it. @param words Behind `hdsync give`.
   * @param command What the key of the vault runs in the place of that; it finds the true one in `$GIVE`.
   * @param name What the vault calls the host. @param isOwn Whether the vault's own user takes the bytes; it makes one for that otherwise.
   * @param path The folder of the vault.
   */
  static async made({
    pull = '',
    host = '',
    words = '',
    config: more = '',
    command = 'exec $GIVE',
    name = 'web1',
    isOwn = true,
    path = undefined as string | undefined,
  } = {}): Promise<PullSite> {
    const folder = temporaryFolder()
    const server = await makeServer(`archive: { target: disk }\n${more}`)
    await backUp(server)
    const wrapper = join(folder, 'give')
    const lines = [
      '#!/bin/sh',
      `echo "$SSH_ORIGINAL_COMMAND" >> ${folder}/asked`,
      `GIVE="${program} give ${words} --config ${server.config}"`,
      `HERE=${folder}`,
      command,
    ]
    writeFileSync(wrapper, `${lines.join('\n')}\n`, { mode: 0o700 })
    const sshd = await Sshd.start(join(folder, 'ssh'), wrapper)
    const site = new PullSite(server, sshd, folder, path ?? join(folder, 'vault'))
    const knownHosts = join(folder, 'known_hosts')
    writeFileSync(knownHosts, sshd.knownHost, { mode: 0o600 })
    const reach = `ssh: ${sshd.user}@127.0.0.1, port: ${sshd.port}, keyFile: ${sshd.keyFile}, knownHosts: ${knownHosts}`
    const text = `vault: { path: ${site.vault}, hosts: { ${name}: { pull: { ${reach}${pull} }${host} } } }\nstate: ${folder}/vault-state\n`
    writeFileSync(site.vaultConfig, text, { mode: 0o600 })
    if (!isOwn) {
      chmodSync(folder, 0o755)
      onTestFinished(() => void execFileSync('userdel', [`hdsync-${name}`], { stdio: 'ignore' }))
    }
    const added = await site.vaultDoes('vault', 'add-host', name, ...(isOwn ? ['--user', sshd.user] : []))
    expect(added, added.err).toMatchObject({ exitCode: 0 })
    return site
  }

  /** In the folder in which the vault and the sshd of the host are. */
  there(...names: string[]): string {
    return join(this.vaultConfig, '..', ...names)
  }

  /** Runs `hdsync` on the vault. */
  async vaultDoes(...words: string[]) {
    const io = printed()
    const exitCode = await main(['node', 'hdsync', ...words, '--config', this.vaultConfig], '0.0.0', io)
    return { exitCode, out: io.out, err: io.err }
  }

  /** `hdsync vault pull`. */
  async pull(): Promise<{
    exitCode: number
    archives: number
    bytes: number
    waiting: number
    error: string | null
  }> {
    const { exitCode, out, err } = await this.vaultDoes('vault', 'pull', '--json')
    if (!out) throw new Error(err)
    return { exitCode, ...JSON.parse(out)[0] }
  }

  /** Asks the host for anything, as whoever has the key of the vault can. */
  ask(command: string, input = ''): { code: number | null; out: string; err: string } {
    try {
      const out = execFileSync('ssh', this.#words(command), { input, encoding: 'utf8', stdio: 'pipe' })
      return { code: 0, out, err: '' }
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number | null; stdout: string; stderr: string }
      return { code: status, out: stdout, err: stderr }
    }
  }

  /** As `ask`, for whoever says nothing more and waits. */
  open(command: string) {
    return spawn('ssh', this.#words(command), { stdio: ['pipe', 'pipe', 'ignore'] })
  }

  #words(command: string): string[] {
    return [
      ...['-F', 'none', '-T', '-p', String(this.sshd.port), '-i', this.sshd.keyFile],
      ...[
        '-o',
        `UserKnownHostsFile=${this.there('known_hosts')}`,
        '-o',
        'BatchMode=yes',
        '-o',
        'LogLevel=ERROR',
      ],
      ...[`${this.sshd.user}@127.0.0.1`, command],
    ]
  }

  /** The files of the copies that the vault has accepted. */
  accepted(source = 'home', host = 'web1'): string[] {
    const folder = join(this.vault, host, 'accepted', source)
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
  }

  /** What the host was asked for. */
  asked(): string[] {
    const file = this.there('asked')
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
    return lines.flatMap((line) => /"do":"(\w+)"/.exec(line)?.[1] ?? [])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sshd.stop('SIGKILL')
  }
}
