import { globSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'rolldown'

/** The files of hdsync's own functions, from the root. */
export function functionFiles(root: string): string[] {
  return globSync('functions/*/*.ts', { cwd: root }).sort()
}

/** Has the functions in one file with the engine, where a checkout looks for them in their folder. */
export function builtIn(root: string): Plugin {
  return {
    name: 'built in',
    load: {
      filter: { id: /\/runtime\/backup\/built-in\.ts$/ },
      handler() {
        const files = functionFiles(root)
        const imports = files.map((file, n) => `import f${n} from ${JSON.stringify(join(root, file))}\n`)
        const entries = files.map(
          (file, n) => `[${JSON.stringify(file.replace(/^functions\/|\.ts$/g, ''))}, f${n}],\n`,
        )
        return `${imports.join('')}export const builtIn = new Map([\n${entries.join('')}])\n`
      },
    },
  }
}
