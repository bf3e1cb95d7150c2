import { inspect } from 'node:util'

/** What `functions new` writes a function for. */
export interface Wish {
  name: string
  /** Name of the event's object: `runFailed`. */
  constant: string
  /** Type of the event: `run.failed`. */
  type: string
  /** The file that exports an event of the user's own; hdsync does unless given. */
  from?: string
  /** Data that the event could carry. */
  sample: unknown
}

/** A function that says what it received, with the places to go on from. */
export function functionText(wish: Wish): string {
  if (wish.type === 'snapshot.before') return snapshotText(wish)
  if (wish.type === 'source.before') return copyText(wish)
  const { constant, type, from } = wish
  const imports = from
    ? `import { defineFunction } from 'hdsync'\nimport { ${constant} } from '${from}'`
    : `import { defineFunction, ${constant} } from 'hdsync'`
  const aside =
    type === 'snapshot.after' || type === 'source.after'
      ? '  // Runs even when the run was cancelled or interrupted; after a crash it may run twice.\n'
      : '  // Stands beside the run, which neither waits for it nor fails with it.\n  aside: true,\n'
  return `${imports}

/** Handles ${type}. */
export default defineFunction({
  on: ${constant},
  // Events that it may emit.
  emits: [],
${aside}  timeout: '1m',
  async run({ data }, { log }) {
    log.info(\`received \${JSON.stringify(data)}\`)
    // A program is run with: await host.program({ argv: ['/usr/local/bin/tell-me', '…'], timeoutMs: 10_000 })
  },
})
`
}

function snapshotText({ constant, type }: Wish): string {
  return `import { defineFunction, ${constant} } from 'hdsync'

/** Handles ${type}: the snapshot is not taken until it is ready. */
export default defineFunction({
  on: ${constant},
  // Events that it may emit.
  emits: [],
  async run({ data }, { log, snapshotTaken }) {
    log.info(\`gets \${data.source} ready\`)
    // Lock here what must stand still, …
    const taken = await snapshotTaken()
    // … and unlock it here; what outlives this process is better unlocked by a function on snapshot.after.
    log.info(taken ? 'the snapshot was taken' : 'the snapshot was not taken')
  },
})
`
}

function copyText({ constant, type }: Wish): string {
  return `import { defineFunction, ${constant} } from 'hdsync'

/** Handles ${type}: the directory is not copied until it has returned. */
export default defineFunction({
  on: ${constant},
  // Events that it may emit.
  emits: [],
  async run({ data }, { log }) {
    log.info(\`gets \${data.source} ready\`)
    // A program is run with: await host.program({ argv: ['/usr/local/bin/dump', '…'], timeoutMs: 600_000 })
  },
})
`
}

/** A test that the function handles its event. */
export function testText({ name, constant, type, from, sample }: Wish): string {
  return `import assert from 'node:assert/strict'
import { test } from 'node:test'
${from ? '' : `import { ${constant} } from 'hdsync'\n`}import { rehearse } from 'hdsync/testing'
${from ? `import { ${constant} } from '${from}'\n` : ''}import handler from './${name}.ts'

test('${name} handles ${type}', async () => {
  const { outcome, error } = await rehearse(handler, ${constant}, ${literal(sample)})
  assert.deepEqual({ outcome, error }, { outcome: 'done', error: null })
})
`
}

/** As one would write it into a program. */
function literal(value: unknown): string {
  return inspect(value, { depth: null, breakLength: 90 }).replaceAll('\n', '\n  ')
}
