import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BackupRequest, backupStart } from '../../../../events/index.ts'
import type { Engine } from '../../../../runtime/backup/engine.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import type { Io } from '../../../../runtime/cli/io.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import type { Clock } from '../../../../runtime/core/clock.ts'
import { writeMarker } from '../../../../runtime/host/target/marker.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

/** What a command printed. */
export interface Printed extends Io {
  out: string
  err: string
}

export function printed(): Printed {
  const io: Printed = {
    out: '',
    err: '',
    stdout: (text) => {
      io.out += text
    },
    stderr: (text) => {
      io.err += text
    },
    colour: false,
    env: {},
  }
  return io
}

/** A small server: two directories to back up to a folder, and the file of its config. */
export interface Server {
  folder: string
  config: string
}

/** @param more Lines added to the config. */
export async function makeServer(more = ''): Promise<Server> {
  const folder = temporaryFolder()
  for (const name of ['home', 'www', 'disk', 'functions']) mkdirSync(join(folder, name), { mode: 0o700 })
  for (const name of ['home', 'www']) writeFileSync(join(folder, name, 'file'), name)
  await writeMarker(join(folder, 'disk'), 'disk', 0)
  const config = join(folder, 'hdsync.yaml')
  writeFileSync(
    config,
    `sources:
  home: { path: ${folder}/home, target: disk }
  www: { path: ${folder}/www, target: disk }
targets:
  disk: { path: ${folder}/disk }
state: ${folder}/state
functions: ${folder}/functions
${more}`,
    { mode: 0o600 },
  )
  return { folder, config }
}

/** Does a whole run. @returns Its id. */
export async function backUp(server: Server, data: BackupRequest = {}, clock?: Clock): Promise<string> {
  return runIn(server, (engine) => engine.trigger(backupStart, data), clock)
}

/** Lets go on what is held. @returns The run. */
export async function release(server: Server, id: string): Promise<string> {
  return runIn(server, async (engine) => (await engine.release(id)).runId)
}

async function runIn(
  { config }: Server,
  begin: (engine: Engine) => Promise<string>,
  clock?: Clock,
): Promise<string> {
  const engine = await openEngine({
    config: await loadConfig({ path: config, env: {} }),
    ...(clock && { clock }),
  })
  if (!engine) throw new Error('another hdsync is at work')
  try {
    await engine.start()
    const run = await begin(engine)
    await engine.ended(run)
    await engine.dispatcher.idle()
    return run
  } finally {
    await engine.stop()
  }
}
