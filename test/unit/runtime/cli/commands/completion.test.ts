import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { main } from '../../../../../runtime/cli/program.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'
import { completed } from './completed.ts'

/** What may come next, without the descriptions. */
async function offered({ config }: Server, ...words: string[]): Promise<string[]> {
  const io = printed()
  io.env = { HDSYNC_CONFIG: config }
  expect(await main(['node', 'hdsync', '__complete', '--', ...words], '1.2.3', io)).toBe(0)
  expect(io.err).toBe('')
  return io.out.split('\n').flatMap((line) => line.split('\t')[0] || [])
}

describe('__complete', () => {
  test('offers the commands, and not itself', async () => {
    const server = await makeServer()
    const commands = await offered(server, '')
    expect(commands).toEqual(expect.arrayContaining(['run', 'why', 'redrive', 'completion', 'help']))
    expect(commands).not.toContain('__complete')
    expect(await offered(server, 'ev')).toEqual(['events'])
    expect(await offered(server, 'target', 'a')).toEqual(['adopt'])
  })

  test('offers the options of a command, and what each may be', async () => {
    const server = await makeServer()
    expect(await offered(server, 'events', '--f')).toEqual(['--follow'])
    expect(await offered(server, 'events', '--type', 'snapshot.m')).toEqual(['snapshot.mount'])
    expect(await offered(server, 'events', '--source', '')).toEqual(['home', 'www'])
    expect(await offered(server, 'run', '--config', '')).toEqual([':files'])
    expect(await offered(server, 'events', '--limit', '')).toEqual([])
    expect(await offered(server, 'events', '--source=')).toEqual(['--source=home', '--source=www'])
    expect(await offered(server, 'events', '--source=w')).toEqual(['--source=www'])
    expect(await offered(server, 'run', '--config=/etc/')).toEqual([':files'])
    expect(await offered(server, 'run', '--quiet=')).toEqual([])
    expect(await offered(server, 'run', '--nothing=')).toEqual([])
    expect(await offered(server, 'completion', '')).toEqual(['bash', 'zsh', 'fish'])
  })

  test('offers sources that are not named yet, those of the config that is', async () => {
    const server = await makeServer()
    expect(await offered(server, 'run', '')).toEqual(['home', 'www'])
    expect(await offered(server, 'run', 'home', '')).toEqual(['www'])
    expect(await offered(server, 'run', '--json', 'home', 'w')).toEqual(['www'])
    expect(await offered(server, 'why', 'home', '')).toEqual([])
    const other = join(server.folder, 'other.yaml')
    writeFileSync(other, 'sources: { etc: { path: /etc, target: d } }\ntargets: { d: { path: /mnt/d } }\n', {
      mode: 0o600,
    })
    expect(await offered(server, 'run', '--config', other, '')).toEqual(['etc'])
    expect(await offered(server, 'target', 'adopt', '')).toEqual(['disk'])
  })

  test('offers runs and dead letters that there are', async () => {
    const server = await makeServer()
    expect(await offered(server, 'show', '')).toEqual(['last'])
    const run = await backUp(server)
    expect(await offered(server, 'show', '')).toEqual(['last', run])
    expect(await offered(server, 'show', run.slice(0, 3))).toEqual([run])
    expect(await offered(server, 'redrive', '')).toEqual([])
  })

  test('offers nothing, and complains of nothing, where the config cannot be read', async () => {
    expect(await offered({ folder: '', config: '/nowhere/hdsync.yaml' }, 'run', '')).toEqual([])
  })
})

const inBash = (...words: string[]) =>
  `source SCRIPT; COMP_WORDS=(hdsync ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _hdsync; printf '%s\\n' "\${COMPREPLY[@]}"`
test('bash completes commands, options, sources and files', async () => {
  const server = await makeServer()
  expect(completed('bash', server, inBash('ru'))).toEqual(['run', 'runs'])
  expect(completed('bash', server, inBash('run', 'h'))).toEqual(['home'])
  expect(completed('bash', server, inBash('run', '--q'))).toEqual(['--quiet'])
  expect(completed('bash', server, inBash('run', '-c', `${server.folder}/hds`))).toEqual([server.config])
  // As bash takes it apart; and whole, where COMP_WORDBREAKS has no `=`.
  expect(completed('bash', server, inBash('events', '--source', '='))).toEqual(['home', 'www'])
  expect(completed('bash', server, inBash('events', '--source', '=', 'h'))).toEqual(['home'])
  expect(completed('bash', server, inBash('events', '--source=h'))).toEqual(['--source=home'])
  expect(completed('bash', server, inBash('run', '--config', '=', `${server.folder}/hds`))).toEqual([
    server.config,
  ])
  expect(completed('bash', server, inBash('run', '--config', '=', server.config, 'h'))).toEqual(['home'])
  expect(completed('bash', server, `source SCRIPT; complete -p hdsync`)).toEqual([
    'complete -F _hdsync hdsync',
  ])
})
