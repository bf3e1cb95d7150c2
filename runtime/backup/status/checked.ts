import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { Config } from '../../config/config.ts'
import { isoOf } from '../../instant.ts'

const checked = z.lazy(() =>
  z.object({
    at: z.iso.datetime(),
    /** The config that was checked: another one may have the same state directory. */
    config: z.string(),
    findings: z.array(
      z.object({
        id: z.string(),
        severity: z.enum(['warning', 'error']),
        about: z.string(),
        finding: z.string(),
        remedy: z.string().nullable(),
      }),
    ),
  }),
)

/** What `hdsync check` found wrong the last time, in its own words. */
export type Checked = z.output<typeof checked>

type Checkable = Pick<Config, 'file' | 'state'>

/** Any finding; only warnings and errors are noted. */
type Found = { [Key in keyof Checked['findings'][number]]: unknown }

/**
 * Notes what a check found, for the page. Safe to repeat: the last time counts. Where it cannot be noted (no state directory
 * yet, a full disk, another user) an older one stays, with its time.
 * @param now In ms since 1970.
 */
export function noteChecked({ file, state }: Checkable, findings: readonly Found[], now: number): void {
  const path = fileIn(state)
  try {
    const draft = `${path}.${process.pid}`
    writeFileSync(
      draft,
      `${JSON.stringify({ at: isoOf(now), config: file, findings: wrongOf(findings) })}\n`,
      {
        mode: 0o600,
      },
    )
    renameSync(draft, path)
  } catch {
    // The check itself has been printed.
  }
}

/** What the last check of this config found; undefined when there was none, or it cannot be read. */
export function lastChecked({ file, state }: Checkable): Checked | undefined {
  try {
    const last = checked.parse(JSON.parse(readFileSync(fileIn(state), 'utf8')))
    return last.config === file ? last : undefined
  } catch {
    return undefined
  }
}

/**
 * What a check has printed with `--json`. @param begun In ms since 1970.
 * @returns undefined where that is not whole.
 */
export function printedCheck({ file }: Checkable, stdout: string, begun: number): Checked | undefined {
  try {
    const { findings } = JSON.parse(stdout)
    return checked.parse({ at: isoOf(begun), config: file, findings: wrongOf(findings) })
  } catch {
    return undefined
  }
}

/** When the config was last written, in ms since 1970: a check before that says nothing of it. */
export function configWrittenAt({ file }: Pick<Config, 'file'>): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function wrongOf(findings: readonly Found[]): Found[] {
  return findings.filter(({ severity }) => severity !== 'ok')
}

function fileIn(state: string): string {
  return join(state, 'checked.json')
}
