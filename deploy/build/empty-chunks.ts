import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * Takes out the chunks that have nothing in them, and what imports them: where modules of nothing but types are shared,
 * the bundler leaves a file, which is then looked for and read at every start. Safe to repeat.
 * @param folder Of a build.
 */
export function removeEmptyChunks(folder: string): void {
  const files = globSync('**/*.js', { cwd: folder }).map((file) => join(folder, file))
  const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))
  for (;;) {
    const empty = [...texts].flatMap(([file, text]) => (text.trim() === '' ? [file] : []))
    if (empty.length === 0) return
    for (const file of empty) {
      rmSync(file)
      texts.delete(file)
    }
    // Their names are unlike any other, as they end with a hash. One that had nothing else in it is empty now.
    const names = new Set(empty.map((file) => basename(file)))
    for (const [file, text] of texts) {
      const rest = text.replace(/^import "[^"]*\/([^"/]+)";\n/gm, (line, name) =>
        names.has(name) ? '' : line,
      )
      if (rest === text) continue
      texts.set(file, rest)
      writeFileSync(file, rest)
    }
  }
}
