import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { main } from '../../../../runtime/cli/program.ts'
import { program } from '../../program.ts'
import { backUp, makeServer, printed, type Server } from '../../runtime/cli/night.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { CopySite } from '../copy-site.ts'
import { Sshd } from './sshd.ts'

/** What a vault of version 1 of the protocol says to one of version 2. */
const refusedBefore =
  '{"v":1,"ok":false,"error":"the request is of version 2 of the protocol, this hdsync speaks 1 (both sides take the same hdsync)","isFinal":true}'

/** A server whose archives are copied over a real ssh to a real vault on this machine, after a night. */
export class Site extends CopySite implements AsyncDisposable {
  readonly sshd: Sshd
  /** The folder of the vault, and its config. */
  readonly vault: string
  readonly vaultConfig: string

  private constructor(server: Server, sshd: Sshd, folder: string) {
    super(server)
    this.sshd = sshd
    this.vault = join(folder, 'vault')
    this.vaultConfig = join(folder, 'vault.yaml')
  }

  /**
   * @param more Further keys of the copy. @param host Keys of the host in the config of the vault.
   * @param isOld Whether the vault is of the version before sessions: it refuses, in the words of that one, what it did not know.
   */
  static async made({ more = '', host = 'mayGet: true', isOld = false } = {}): Promise<Site> {
    const folder = temporaryFolder()
    const [config, wrapper] = [join(folder, 'vault.yaml'), join(folder, 'receive')]
    const log = `echo "$SSH_ORIGINAL_COMMAND" >> ${folder}/asked; echo "$SSH_CONNECTION" >> ${folder}/connections`
    const receive = `${program} receive web1 --config ${config}`
    // What is asked in a session stands beside what is asked by itself.
    const session = `case $SSH_ORIGINAL_COMMAND in *session*) tee -a ${folder}/asked | exec ${receive}; exit;; esac`
    const old = `case $SSH_ORIGINAL_COMMAND in *'"v":2'*|*'"known"'*) echo '${refusedBefore}'; exit 1;; esac`
    writeFileSync(wrapper, `#!/bin/sh\n${log}\n${isOld ? old : session}\nexec ${receive}\n`, { mode: 0o700 })
    const sshd = await Sshd.start(join(folder, 'ssh'), wrapper)
    const text = `vault: { path: ${folder}/vault, hosts: { web1: { ${host} } } }\nstate: ${folder}/vault-state\n`
    writeFileSync(config, text, { mode: 0o600 })
    const added = ['web1', '--key', `${sshd.keyFile}.pub`, '--user', sshd.user, '--config', config]
    const io = printed()
    if ((await main(['node', 'hdsync', 'vault', 'add-host', ...added], '0.0.0', io)) !== 0)
      throw new Error(io.err)
    const knownHosts = join(folder, 'known_hosts')
    writeFileSync(knownHosts, sshd.knownHost, { mode: 0o600 })
    const reach = `ssh: ${sshd.user}@127.0.0.1, port: ${sshd.port}, keyFile: ${sshd.keyFile}, knownHosts: ${knownHosts}`
    const server = await makeServer(
      `archive: { target: disk }\ncopies: { offsite: { ${reach}, sources: [home]${more} } }\n`,
    )
    await backUp(server)
    return new Site(server, sshd, folder)
  }

  /** In the folder in which the vault and its sshd are. */
  there(...names: string[]): string {
    return join(this.vault, '..', ...names)
  }

  /** The files of the copies that the vault has accepted. */
  accepted(source = 'home'): string[] {
    const folder = join(this.vault, 'web1/accepted', source)
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
  }

  /** What the vault was asked for, in a session or not. */
  asked(): string[] {
    return this.commands().filter((word) => word !== 'session')
  }

  /** What the command of the key was started for. */
  starts(): string[] {
    return this.commands().filter((word) => ['session', 'rsync'].includes(word))
  }

  private commands(): string[] {
    const file = this.there('asked')
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
    return lines.flatMap(
      (line) => /"do":"(\w+)"/.exec(line)?.[1] ?? (line.startsWith('rsync') ? ['rsync'] : []),
    )
  }

  /** How many connections it was asked over. */
  connections(): number {
    return new Set(readFileSync(this.there('connections'), 'utf8').split('\n').filter(Boolean)).size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sshd.stop('SIGKILL')
  }
}
