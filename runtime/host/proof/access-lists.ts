import type { CommandRunner } from '../command/command.ts'
import { isInstalled } from '../command/packages.ts'

/** On a file server everything has one. */
const mostFound = 2000
const timeoutMs = 24 * 3_600_000

/**
 * What in a folder has an access list beyond its mode.
 * @returns Paths, each byte a character; the first ones of many, and none without getfacl(1).
 */
export async function withAccessLists(root: string, runner: CommandRunner): Promise<Set<string>> {
  const found = new Set<string>()
  if (!isInstalled('getfacl')) return found
  const stop = new AbortController()
  const options = ['--recursive', '--physical', '--skip-base', '--numeric', '--absolute-names'] as const
  // What cannot be read is found where it is restored.
  const command = { argv: ['getfacl', ...options, '--', root] as const, timeoutMs, accept: [0, 1] }
  const getfacl = await runner.open({ ...command, signal: stop.signal })
  getfacl.input.end()
  let rest = ''
  for await (const chunk of getfacl.output) {
    const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const path = pathIn(line, root)
      if (path !== undefined) found.add(path)
    }
    if (found.size >= mostFound) break
  }
  stop.abort(new Error('enough were found'))
  await getfacl.result.catch(() => {})
  return found
}

/** Reads `# file: /mnt/disk/home/a\040b`. @see getfacl(1) */
function pathIn(line: string, root: string): string | undefined {
  if (!line.startsWith(`# file: ${root}/`)) return undefined
  const escaped = line.slice(`# file: ${root}/`.length)
  return escaped.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}
