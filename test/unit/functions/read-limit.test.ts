import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { showCommand } from '../../../runtime/cli/commands/show.ts'
import { backUp, makeServer, printed } from '../runtime/cli/night.ts'

test('a night under limits.read copies at that rate, and makes the same archive', async () => {
  const server = await makeServer('archive: { target: disk }\nlimits: { read: 16M }\n')
  writeFileSync(join(server.folder, 'home/large'), Buffer.alloc(3_000_000, 'text '))
  const run = await backUp(server)
  const io = printed()
  await showCommand(run, { config: server.config, json: true, commands: true }, io)
  const { state, commands } = JSON.parse(io.out) as { state: string; commands: { argv: string[] }[] }
  expect(state).toBe('succeeded')
  const copies = commands.filter(({ argv }) => argv[0] === 'rsync' && argv.includes('--archive'))
  expect(copies.map(({ argv }) => argv.includes('--bwlimit=16384'))).toEqual([true, true])
})
