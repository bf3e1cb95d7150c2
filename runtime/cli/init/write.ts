import { existsSync, lstatSync, readdirSync, type Stats } from 'node:fs'
import { link, mkdir, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseConfig } from '../../config/config.ts'
import { TerminalError, UsageError } from '../../errors.ts'

/**
 * Writes a new config file for its owner alone, whole or not at all.
 * @throws {UsageError} Something is there already: it is never overwritten.
 * @throws {ConfigError} hdsync itself would not take the text.
 */
export async function writeConfig(file: string, text: string): Promise<void> {
  parseConfig(text, file)
  const folder = dirname(file)
  const temporary = join(folder, `.hdsync-init-${process.pid}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 })
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // Unlike a rename, a link takes nobody's place.
    await link(temporary, file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') refuseExisting(file)
    throw new TerminalError(`cannot write ${file}: ${message}`, { cause: error })
  } finally {
    await rm(temporary, { force: true }).catch(() => {})
  }
}

/** @throws {UsageError} Something is there. */
export function refuseExisting(file: string): void {
  const there = thereIs(file)
  if (!there) return
  const what = there.isFile() ? `a file of ${there.size} bytes` : 'no file, but something else'
  throw new UsageError(`${file} is there already (${what}), and is left as it is`, {
    hint: `hdsync check looks at it; to begin anew, move it away: mv ${file} ${file}.old`,
  })
}

function thereIs(file: string): Stats | undefined {
  try {
    return lstatSync(file)
  } catch {
    return undefined
  }
}

/**
 * Folders on a disk that has not been a target yet, of the names that mirrors would get: a sync would delete what
 * is in them.
 */
export function inTheWay(path: string, sources: readonly string[]): string[] {
  return sources
    .map((name) => join(path, name))
    .filter((folder) => {
      if (!existsSync(folder)) return false
      try {
        return readdirSync(folder).some((name) => name !== 'lost+found')
      } catch {
        return true
      }
    })
}
