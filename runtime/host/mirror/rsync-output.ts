import type { Progress } from '../../progress.ts'

export interface SyncStats {
  /** Entries of the source, folders and all. */
  files: number
  created: number
  deleted: number
  transferred: number
  transferredBytes: number
  /** How large all files of the source are. */
  sizeBytes?: number
  /** Files that were there before and have got other contents. */
  changed?: number
}

/** What a sync would do. */
export interface Forecast extends SyncStats {
  /** What it would delete, from the root of the mirror, a folder with a `/` at its end; each byte of a name a character. */
  names: string[]
  /** Files of the mirror that would get other contents, in the same form; none unless they were asked for. */
  changedNames: string[]
  /** What would be made that is no regular file; a file may be in its place. None unless they were asked for. */
  otherNames: string[]
  /** How many regular files the mirror has of what is copied. */
  mirrorRegular: number
}

/** By themselves, and as an item: `*deleting   name`. */
const deletion = /^(?:deleting |\*deleting {3})/
/**
 * An item of a file whose contents are transferred: `>f.st...... name`. A new one has `+` in place of what differs.
 * @see rsync(1), --itemize-changes
 */
const rewritten = /^>f(?!\+)/
/** A folder, a link, a device or a socket that is new: `cd+++++++++ name/`. What it takes the place of, rsync does not tell. */
const madeOther = /^c[dLDS]\+/
const item = /^[<>ch.][fdLDS][^ ]{9}(?: |$)/
const itemLength = '>f.st...... '.length

/** Reads what a dry run prints: a line for each deletion, items if those were asked for, then the statistics. */
export class ForecastReader {
  #rest = ''
  #statistics = ''
  readonly #names: string[] = []
  readonly #changed: string[] = []
  readonly #other: string[] = []

  add(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#read(line)
  }

  end(): Forecast {
    this.#read(this.#rest)
    const all = regularFiles(this.#statistics, 'Number of files')
    const created = regularFiles(this.#statistics, 'Number of created files')
    const deleted = regularFiles(this.#statistics, 'Number of deleted files')
    return {
      ...parseStats(this.#statistics),
      names: this.#names,
      changedNames: this.#changed,
      otherNames: this.#other,
      mirrorRegular: all - created + deleted,
    }
  }

  #read(line: string): void {
    const [deleted] = deletion.exec(line) ?? []
    if (deleted) this.#names.push(unescapeName(line.slice(deleted.length)))
    else if (rewritten.test(line)) this.#changed.push(unescapeName(line.slice(itemLength)))
    else if (madeOther.test(line)) this.#other.push(unescapeName(line.slice(itemLength)).replace(/\/$/, ''))
    else if (!item.test(line)) this.#statistics += `${line}\n`
  }
}

/** Bytes that do not print, and a backslash that could be taken for that, come as `\#012`. @see rsync(1), -8 */
function unescapeName(name: string): string {
  return name.replace(/\\#([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/**
 * Reads what a copy prints, in lines that end with \n or \r: its progress; an item for each entry that differs in whatever
 * rsync sets, of which the statistics at the end count a part alone; and those. Whatever is neither progress nor
 * statistics counts as a change.
 * @see rsync(1), --itemize-changes
 */
export class OutputReader {
  #rest = ''
  #statistics = ''
  #changes = 0
  #rewritten = 0
  #deletedNothing = false
  readonly #on: { onProgress: (progress: Progress, line: string) => void; onChange: () => void }

  constructor(on: { onProgress: (progress: Progress, line: string) => void; onChange: () => void }) {
    this.#on = on
  }

  add(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split(/[\r\n]/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#read(line)
  }

  /**
   * `changed` where it is not certain that nothing has; `deletedNothing`: nothing was deleted any more from the first thing
   * on that could not be read.
   */
  end(): { stats: SyncStats; changed: boolean; deletedNothing: boolean } {
    this.#read(this.#rest)
    const stats = { ...parseStats(this.#statistics), changed: this.#rewritten }
    const { created, deleted, transferred, transferredBytes } = stats
    const counted = this.#changes + created + deleted + transferred + transferredBytes
    return { stats, changed: this.#statistics === '' || counted > 0, deletedNothing: this.#deletedNothing }
  }

  #read(line: string): void {
    if (this.#statistics !== '' || line.startsWith('Number of files: ')) {
      this.#statistics += `${line}\n`
      return
    }
    const progress = parseProgress(line)
    if (progress) this.#on.onProgress(progress, line)
    else if (line.trim() !== '') {
      this.#changes += 1
      if (rewritten.test(line)) this.#rewritten += 1
      this.#deletedNothing ||= line.startsWith('IO error encountered -- skipping file deletion')
      this.#on.onChange()
    }
  }
}

/** @see rsync(1), --stats: numbers without separators, by --no-human-readable. */
export function parseStats(output: string): SyncStats {
  const number = (label: string) =>
    Number(new RegExp(`^${label}: ([\\d,]+)`, 'm').exec(output)?.[1]?.replaceAll(',', '') ?? 0)
  return {
    files: number('Number of files'),
    created: number('Number of created files'),
    deleted: number('Number of deleted files'),
    transferred: number('Number of regular files transferred'),
    transferredBytes: number('Total transferred file size'),
    sizeBytes: number('Total file size'),
  }
}

/** `Number of files: 8 (reg: 6, dir: 2)`: the number behind `reg`. */
function regularFiles(output: string, label: string): number {
  return Number(new RegExp(`^${label}: .*\\breg: (\\d+)`, 'm').exec(output)?.[1] ?? 0)
}

/** One update of --info=progress2: `  1,234  45%   1.23MB/s    0:00:12 (xfr#5, to-chk=0/7)`. */
export function parseProgress(line: string): Progress | undefined {
  const match = /^\s*([\d,]+)\s+(\d+)%\s+([\d.]+)([kMGT]?B)\/s\s/.exec(line)
  if (!match) return undefined
  const bytes = Number(match[1]?.replaceAll(',', ''))
  const percent = Number(match[2])
  const unit = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 }[match[4] as 'B'] ?? 1
  return {
    bytes,
    totalBytes: percent > 0 ? Math.round((bytes * 100) / percent) : null,
    bytesPerSecond: Math.round(Number(match[3]) * unit),
  }
}
