import { basename } from 'node:path'
import { sourceName } from '../../config/names.ts'

/**
 * A name for what is mounted at a path, as the config takes it: the last folder's, or the whole path with dashes
 * where another has that already.
 */
export function nameFor(path: string, taken: ReadonlySet<string>): string {
  const whole = path.slice(1).replaceAll('/', '-')
  const wishes = path === '/' ? ['root', 'root-file-system'] : [basename(path), whole, `at-${whole}`]
  for (const wish of wishes) {
    const name = tidy(wish)
    if (!taken.has(name) && sourceName.safeParse(name).success) return name
  }
  for (let count = 2; ; count += 1) {
    const name = `${tidy(`at-${whole}`).slice(0, 55)}-${count}`
    if (!taken.has(name)) return name
  }
}

function tidy(text: string): string {
  return text
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63)
}
