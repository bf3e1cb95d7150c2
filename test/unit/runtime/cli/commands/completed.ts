import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { program } from '../../../program.ts'
import type { Server } from '../night.ts'

/** Asks a real shell how a line goes on. @param ask Its own way to ask. */
export function completed(shell: string, server: Server, ask: string): string[] {
  const io = { ...process.env, HDSYNC_CONFIG: server.config, PATH: `${dirname(program)}:${process.env.PATH}` }
  const file = join(server.folder, `completion.${shell}`)
  if (!existsSync(file)) {
    const script = execFileSync(program, ['completion', shell], { encoding: 'utf8' })
    writeFileSync(file, script)
  }
  const flags = { bash: ['--norc'], zsh: ['-f'], fish: ['--no-config'] }[shell] ?? []
  const out = execFileSync(shell, [...flags, '-c', ask.replace('SCRIPT', file)], {
    env: io,
    encoding: 'utf8',
  })
  return out.split('\n').filter(Boolean)
}
