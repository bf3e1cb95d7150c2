import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from '../../../program.ts'
import { backUp, makeServer, type Server } from '../night.ts'
import { keys, Terminal } from '../terminal.ts'

const { enter, tab, ctrlC } = keys

async function made(): Promise<Server & { here: string }> {
  const server = await makeServer('archive: { target: disk }\n')
  const here = join(server.folder, 'here')
  mkdirSync(here)
  mkdirSync(join(server.folder, 'home/mail'))
  for (const name of ['ann', 'bob', 'tom']) writeFileSync(join(server.folder, 'home/mail', name), `${name}\n`)
  await backUp(server)
  return { ...server, here }
}

test('in a terminal, `restore` alone asks, shows the plan, and tells the command that does the same', async () => {
  const { folder, config, here } = await made()
  await using terminal = new Terminal(['restore', '--config', config], here)
  await terminal.at('What of?', enter)
  await terminal.at('As of when?', enter)
  await terminal.at('Which files?', 'an')
  await terminal.at('mail/ann', tab)
  await terminal.at('◼ mail/ann', '\x7f\x7f')
  // Without a word, what is marked is seen.
  await terminal.at('◼ mail/ann', 'MAI tom')
  await terminal.at('MAI tom', tab)
  await terminal.at('◼ mail/tom', enter)
  await terminal.at('Where to?', enter)
  await terminal.at('Do it?', 'y')
  expect(await terminal.end(), terminal.shown).toBe(0)
  const [name = ''] = readdirSync(here)
  expect(readdirSync(join(here, name, 'mail'))).toEqual(['ann', 'tom'])
  expect(terminal.shown).toMatch(/3 \(8 B\) created/)
  const line = /^ {2}hdsync (restore .*)$/m.exec(terminal.shown)?.[1] ?? ''
  expect(line).toMatch(/^restore home:mail\/ann home:mail\/tom --at home@latest --config \//)

  rmSync(join(here, name), { recursive: true })
  const again = spawnSync(program, line.split(' '), { cwd: here, encoding: 'utf8' })
  expect(again.status, again.stderr).toBe(0)
  expect(readdirSync(join(here, name, 'mail'))).toEqual(['ann', 'tom'])
  expect(existsSync(join(folder, 'home/.hdsync-undo'))).toBe(false)
})

test('what the command line says is not asked for; what is there is replaced once it was agreed to', async () => {
  const { folder, config, here } = await made()
  writeFileSync(join(folder, 'home/mail/ann'), 'by mistake\n')
  await using terminal = new Terminal(['restore', '--at', 'latest', '--in-place', '--config', config], here)
  await terminal.at('What of?', enter)
  await terminal.at('Which files?', 'ann')
  await terminal.at('mail/ann', tab)
  await terminal.at('◼ mail/ann', enter)
  await terminal.at('Do it?', 'y')
  expect(await terminal.end(), terminal.shown).toBe(0)
  expect(terminal.shown).not.toMatch(/As of when|Where to|Delete/)
  expect(terminal.shown).toMatch(/replace {2}mail\/ann.*--in-place.*hdsync restore --undo/s)
  expect(readFileSync(join(folder, 'home/mail/ann'), 'utf8')).toBe('ann\n')
})

const steps = [
  ['What of?', enter],
  ['As of when?', enter],
  ['Which files?', tab],
  ['◼ everything', enter],
  ['Where to?', enter],
  ['Do it?', 'n'],
] as const

test.each(steps.map(([text], n) => [text, n] as const))('Ctrl-C at “%s” leaves nothing', async (text, n) => {
  const { config, here, folder } = await made()
  await using terminal = new Terminal(['restore', '--config', config], here)
  for (const [shown, key] of steps.slice(0, n)) await terminal.at(shown, key)
  await terminal.at(text, ctrlC)
  expect(await terminal.end(), terminal.shown).toBe(130)
  expect(terminal.shown).toContain('Nothing was changed.')
  expect(readdirSync(here)).toEqual([])
  expect(readdirSync(join(folder, 'home')).sort()).toEqual(['file', 'mail'])
})

test('no is an answer too, and without a terminal there are no questions', async () => {
  const { config, here } = await made()
  await using terminal = new Terminal(['restore', '--config', config], here)
  for (const [shown, key] of steps) await terminal.at(shown, key)
  expect(await terminal.end(), terminal.shown).toBe(130)
  expect(readdirSync(here)).toEqual([])

  const piped = spawnSync(program, ['restore', '--config', config], { cwd: here, encoding: 'utf8' })
  expect(piped).toMatchObject({ status: 2, stdout: '' })
  expect(piped.stderr).toContain('hdsync restore PLACE…')
})
