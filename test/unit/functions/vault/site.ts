import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { main } from '../../../../runtime/cli/program.ts'
import { program } from '../../program.ts'
import { backUp, makeServer, printed, type Server } from '../../runtime/cli/night.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { CopySite } from '../copy-site.ts'
import { Sshd } from './sshd.ts'

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

  /** @param more Further keys of the copy. @param host Keys of the host in the config of the vault. */
  static async made({ more = '', host = 'mayGet: true' } = {}): Promise<Site> {
    const folder = temporaryFolder()
    const [config, wrapper] = [join(folder, 'vault.yaml'), join(folder, 'receive')]
    const log = `echo "$SSH_ORIGINAL_COMMAND" >> ${folder}/asked; echo "$SSH_CONNECTION" >> ${folder}/connections`
    writeFileSync(wrapper, `#!/bin/sh\n${log}\nexec ${program} receive web1 --config ${config}\n`, {
      mode: 0o700,
    })
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

  /** What the vault was asked for. */
  asked(): string[] {
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
