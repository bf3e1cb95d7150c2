import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'

/** A program that waits before it begins. */
export interface Held {
  /** Resolves when it has been called. */
  reached(): Promise<void>
  /** Lets it go on, and those that are called later. */
  go(): Promise<void>
}

/** From now on a program of the machine waits, when it is called with words that match, until `go` is called. */
export async function hold(machine: Machine, program: string, pattern = '*'): Promise<Held> {
  const flags = `/run/hold-${program}`
  const real = await machine.ok(
    `rm -rf ${flags}; mkdir ${flags}; mkfifo ${flags}/never; PATH=/usr/sbin:/usr/bin command -v ${program}`,
  )
  const script = `#!/bin/bash
case "$*" in ${pattern})
  touch ${flags}/reached
  # Not sleep(1): a new process every moment is work for the machine's one processor.
  while [ ! -e ${flags}/go ]; do read -rt 0.05 <> ${flags}/never; done ;;
esac
exec -a ${program} ${real} "$@"`
  writeFileSync(join(machine.dir, `hold-${program}`), script)
  await machine.ok(`install -m 755 /run/lab/hold-${program} /usr/local/sbin/${program}`)
  return {
    reached: async () => {
      await machine.ok(
        `for i in {1..6000}; do [ -e ${flags}/reached ] && exit; read -rt 0.05 <> ${flags}/never; done; exit 1`,
      )
    },
    go: async () => {
      await machine.ok(`touch ${flags}/go; rm /usr/local/sbin/${program}`)
    },
  }
}
