import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Lays a folder into a source that has what is lost most easily: access lists, attributes, a capability, owners, links, a device, a pipe. As root. */
export function layAttributes(source: string): void {
  const at = (...names: string[]) => join(source, 'folder', ...names)
  mkdirSync(at(), { mode: 0o2750 })
  writeFileSync(at('file'), 'with attributes', { mode: 0o640 })
  writeFileSync(at('ping'), 'with a capability', { mode: 0o755 })
  execFileSync('setfattr', ['-n', 'user.origin', '-v', 'here', at('file')])
  const capability = '0sAQAAAgAgAAAAAAAAAAAAAAAAAAA='
  execFileSync('setfattr', ['-n', 'security.capability', '-v', capability, at('ping')])
  execFileSync('setfacl', ['-m', 'u:1234:r', at('file')])
  execFileSync('ln', [at('file'), at('second')])
  execFileSync('ln', ['-s', 'file', at('link')])
  execFileSync('mknod', [at('pipe'), 'p'])
  execFileSync('mknod', [at('null'), 'c', '1', '3'])
  execFileSync('chown', ['1234:4321', at()])
}

/** What rsync would change to make the one folder as the other, contents and attributes: nothing if they are equal. */
export function differences(one: string, other: string): string {
  const words = ['--dry-run', '--itemize-changes', '-aHAXX', '--numeric-ids', '--checksum', '--delete']
  return execFileSync('rsync', [...words, `${one}/`, `${other}/`], { encoding: 'utf8' })
}
