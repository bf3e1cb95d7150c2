/**
 * The command line. `--version` is answered before anything else is loaded, and each command loads only what
 * it needs: a tool that people call by hand has to answer at once.
 */
import { writeSync } from 'node:fs'
import { version } from '../version.ts'

// By itself: the stream of Node's takes longer to make than all the rest.
if (process.argv.length === 3 && ['--version', '-V'].includes(process.argv[2] ?? '')) {
  writeSync(1, `${version()}\n`)
} else {
  const { main } = await import('./program.ts')
  process.exitCode = await main(process.argv, version())
}
