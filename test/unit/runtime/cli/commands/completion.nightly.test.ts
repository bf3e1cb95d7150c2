import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeServer } from '../night.ts'
import { completed } from './completed.ts'

const inZsh = (...words: string[]) =>
  `compdef() { : }; compset() { :; }; _files() { print files }; _describe() { print -rl -- "\${(@P)argv[-1]}" }
  source SCRIPT; words=(hdsync ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length + 1}; _hdsync`
const inFish = (line: string) => `source SCRIPT; complete --do-complete '${line}'`
const missing = (shell: string) => !existsSync(`/usr/bin/${shell}`) && !existsSync(`/bin/${shell}`)

test('zsh completes, with descriptions', async (context) => {
  if (missing('zsh')) context.skip('zsh is not installed')
  const server = await makeServer()
  expect(completed('zsh', server, inZsh('ru'))).toEqual([
    'run:back up all sources, or those named, and follow it',
    'runs:list past runs',
  ])
  expect(completed('zsh', server, inZsh('run', 'home', ''))).toEqual([`www:${server.folder}/www`])
  expect(completed('zsh', server, inZsh('events', '--source=w'))).toEqual([`www:${server.folder}/www`])
  expect(completed('zsh', server, inZsh('run', '-c', ''))).toEqual(['files'])
})

test('fish completes, with descriptions', async (context) => {
  if (missing('fish')) context.skip('fish is not installed')
  const server = await makeServer()
  expect(completed('fish', server, inFish('hdsync ru'))).toEqual([
    'run\tback up all sources, or those named, and follow it',
    'runs\tlist past runs',
  ])
  expect(completed('fish', server, inFish('hdsync run home '))).toEqual([`www\t${server.folder}/www`])
  expect(completed('fish', server, inFish('hdsync events --source=w'))).toEqual([
    `--source=www\t${server.folder}/www`,
  ])
  const [file] = completed('fish', server, inFish(`hdsync run -c ${server.folder}/hds`))
  expect(file).toMatch(new RegExp(`^${server.config}`))
  const [option] = completed('fish', server, inFish(`hdsync run --config=${server.folder}/hds`))
  expect(option).toMatch(new RegExp(`^--config=${server.config}`))
})
