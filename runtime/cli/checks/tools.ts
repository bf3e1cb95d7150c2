import type { Config } from '../../config/config.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { isInstalled, packageHint } from '../../host/command/packages.ts'
import type { Box } from './box.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** A program that a night calls. */
interface Tool {
  program: string
  /** What it has to say about its version: `version` names the number in it. */
  version?: RegExp
  /** Oldest version that will do. */
  least?: string
  /** What must not stand in it. */
  lacks?: RegExp
}

/** The programs that a night with this config calls. */
export function toolsOf({ sources, targets, archive, copies, vault }: Config): Tool[] {
  const all = Object.values(sources)
  const mounts = Object.values(targets).flatMap((target) => target.mounts)
  const volumes = all.some(({ kind }) => kind === 'lv')
  const compressor = archive && all.some((source) => source.archive) ? archive.compression : undefined
  const tools: (Tool | false)[] = [
    // Some builds leave out what a mirror has to keep: ACLs and extended attributes.
    {
      program: 'rsync',
      version: /version v?(?<version>\d+(?:\.\d+)+)/,
      least: '3.2.4',
      lacks: /\bno (ACLs|xattrs)\b/,
    },
    { program: 'sync' },
    // Others do not print what is asked for.
    { program: 'find', version: /GNU findutils\) (?<version>\d+(?:\.\d+)+)/ },
    compressor !== undefined && { program: 'tar', version: /GNU tar\) (?<version>\d+(?:\.\d+)+)/ },
    compressor === 'zstd' && { program: 'zstd' },
    compressor === 'gzip' && { program: 'gzip' },
    // Since then lvs prints JSON.
    volumes && { program: 'lvs', version: /LVM version:\s*(?<version>\d+(?:\.\d+)+)/, least: '2.02.158' },
    ...['lvcreate', 'lvremove', 'dmsetup', 'blkid'].map((program) => volumes && { program }),
    ...['mount', 'umount'].map((program) => (volumes || mounts.length > 0) && { program }),
    (Object.values(copies ?? {}).some(({ vault }) => vault) ||
      Object.values(vault?.hosts ?? {}).some(({ pull }) => pull)) && { program: 'ssh' },
    Object.values(copies ?? {}).some(({ vault }) => vault?.encryptTo !== undefined) && { program: 'age' },
    ...['flock', 'perl', 'prlimit', 'setpriv'].map((program) => vault !== undefined && { program }),
    mounts.some(({ device }) => !device.startsWith('/')) && { program: 'findfs' },
  ]
  return tools.filter((tool) => tool !== false)
}

/** Whether the programs are there and new enough, and whether this user may use them. */
export async function checkTools(box: Box): Promise<Finding[]> {
  const looks = await Promise.all(toolsOf(box.config).map((tool) => lookAt(tool, box.runner)))
  const good = looks.filter((look) => typeof look === 'string')
  return [
    ...(good.length > 0 ? [ok('tool.ok', 'tools', good.join(', '))] : []),
    ...looks.filter((look) => typeof look !== 'string'),
    ...checkUser(box),
  ]
}

/** @returns Its name and version when nothing is wrong with it. */
async function lookAt(tool: Tool, runner: CommandRunner): Promise<Finding | string> {
  const { program, version: pattern, least, lacks } = tool
  const install = packageHint(program) ?? `install the package that has ${program}`
  if (!isInstalled(program)) return error('tool.missing', 'tools', `${program} is not installed`, install)
  if (!pattern) return program
  const said = await versionText(program, runner)
  const version = pattern.exec(said)?.groups?.version
  const missing = lacks?.exec(said)?.[1]
  if (missing) return error('tool.incomplete', 'tools', `${program} was built without ${missing}`, install)
  if (!version) {
    const finding = `${program} is not the one that is expected: ${said.trim().split('\n')[0]}`
    return warning('tool.unknown', 'tools', finding, install)
  }
  if (!least || !isOlder(version, least)) return `${program} ${version}`
  const finding = `${program} ${version} is too old: at least ${least} is needed`
  return error('tool.too-old', 'tools', finding, install)
}

async function versionText(program: string, runner: CommandRunner): Promise<string> {
  try {
    return (await runner.run({ argv: [program, '--version'], timeoutMs: 30_000 })).stdout
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

/** Compares versions number by number: 3.10 is newer than 3.9. */
export function isOlder(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) < 0
}

function checkUser({ root, config }: Box): Finding[] {
  if (root) return []
  const needed =
    Object.values(config.sources).some(({ kind }) => kind === 'lv') ||
    Object.values(config.targets).some(({ mounts }) => mounts.length > 0)
  const remedy = 'run hdsync as root'
  if (needed) {
    return [error('user.not-root', 'user', 'only root may take snapshots and mount file systems', remedy)]
  }
  const finding = 'not root: files of others may be unreadable, and mirrors do not keep their owners'
  return [warning('user.not-root', 'user', finding, remedy)]
}
