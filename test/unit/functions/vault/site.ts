import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CopyResult, copyStart, type Envelope } from '../../../../events/index.ts'
import { type Engine, openEngine } from '../../../../runtime/backup/engine.ts'
import { main } from '../../../../runtime/cli/program.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import type { Clock } from '../../../../runtime/core/clock.ts'
import { weekdays } from '../../../../runtime/weekday.ts'
import { backUp, makeServer, printed, type Server } from '../../runtime/cli/night.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { Sshd } from './sshd.ts'

export const program = join(import.meta.dirname, '../../../../deploy/bin/hdsync')

/** A server whose archives are copied over a real ssh to a real vault on this machine, after a night. */
export class Site implements AsyncDisposable {
  readonly server: Server
  readonly sshd: Sshd
  /** The folder of the vault, and its config. */
  readonly vault: string
  readonly vaultConfig: string

  private constructor(server: Server, sshd: Sshd, folder: string) {
    this.server = server
    this.sshd = sshd
    this.vault = join(folder, 'vault')
    this.vaultConfig = join(folder, 'vault.yaml')
  }

  /** @param more Further keys of the copy. @param host Keys of the host in the config of the vault. */
  static async made({ more = '', host = 'mayGet: true' } = {}): Promise<Site> {
    const folder = temporaryFolder()
    const [config, wrapper] = [join(folder, 'vault.yaml'), join(folder, 'receive')]
    const log = `echo "$SSH_ORIGINAL_COMMAND" >> ${folder}/asked`
    writeFileSync(wrapper, `#!/bin/sh\n${log}\nexec ${program} receive web1 --config ${config}\n`, {
      mode: 0o700,
    })
    const sshd = await Sshd.start(join(folder, 'ssh'), wrapper)
    const text = `vault: { path: ${folder}/vault, hosts: { web1: { ${host} } } }\nstate: ${folder}/vault-state\n`
    writeFileSync(config, text, { mode: 0o600 })
    const key = `${sshd.keyFile}.pub`
    execFileSync(program, [
      'vault',
      'add-host',
      'web1',
      '--key',
      key,
      '--user',
      sshd.user,
      '--config',
      config,
    ])
    const knownHosts = join(folder, 'known_hosts')
    writeFileSync(knownHosts, sshd.knownHost, { mode: 0o600 })
    const reach = `ssh: ${sshd.user}@127.0.0.1, port: ${sshd.port}, keyFile: ${sshd.keyFile}, knownHosts: ${knownHosts}`
    const server = await makeServer(
      `archive: { target: disk }\ncopies: { offsite: { ${reach}, sources: [home]${more} } }\n`,
    )
    await backUp(server)
    return new Site(server, sshd, folder)
  }

  at(...names: string[]): string {
    return join(this.server.folder, ...names)
  }

  /** In the folder in which the vault and its sshd are. */
  there(...names: string[]): string {
    return join(this.vault, '..', ...names)
  }

  archive(source = 'home'): string {
    const day = readdirSync(this.at('disk')).find((name) => (weekdays as readonly string[]).includes(name))
    return this.at('disk', day ?? '', `${source}.tar.zst`)
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

  async hdsync(...words: string[]) {
    const io = printed()
    const exitCode = await main(['node', 'hdsync', ...words, '--config', this.server.config], '0.0.0', io)
    return { exitCode, out: io.out, err: io.err }
  }

  async copy(
    ...names: string[]
  ): Promise<{ exitCode: number; state: string; copies: CopyResult[]; error: string | null }> {
    const { exitCode, out, err } = await this.hdsync('copy', ...names, '--json', '-q')
    if (!out) throw new Error(err)
    return { exitCode, ...JSON.parse(out) }
  }

  /** A run of copies in an engine of its own. @param during Called with each event as it is told. */
  async run(
    during: (event: Envelope, engine: Engine, run: string) => void = () => {},
    clock?: Clock,
  ): Promise<readonly Envelope[]> {
    const config = await loadConfig({ path: this.server.config, env: {} })
    const engine = await openEngine({ config, ...(clock && { clock }) })
    if (!engine) throw new Error('another hdsync is at work')
    try {
      await engine.start()
      const run = await engine.trigger(copyStart, {})
      engine.listen({ onEvent: (event) => during(event, engine, run) })
      await engine.ended(run)
      await engine.dispatcher.idle()
      return engine.bus.events({ runId: run })
    } finally {
      await engine.stop()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sshd.stop('SIGKILL')
  }
}
