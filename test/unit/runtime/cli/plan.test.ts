import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planCommand } from '../../../../runtime/cli/plan.ts'
import { showCommand } from '../../../../runtime/cli/show.ts'
import { onlyLooks } from '../../../../runtime/host/looking.ts'
import { backUp, makeServer, printed, type Server } from './night.ts'

async function planOf({ config }: Server) {
  const io = printed()
  expect(await planCommand([], { config, json: true }, io)).toBe(0)
  return JSON.parse(io.out)
}

async function commandsOf({ config }: Server, run: string) {
  const io = printed()
  await showCommand(run, { config, json: true, commands: true }, io)
  return JSON.parse(io.out).commands as {
    event: string
    source: string
    argv: string[]
    onlyLooks: boolean
  }[]
}

describe('plan', () => {
  test.each(['first', 'second'])('tells the commands of the %s night', async (which) => {
    const server = await makeServer('archive: { target: disk }\n')
    if (which === 'second') await backUp(server)
    const { steps, problems } = await planOf(server)
    expect(problems).toEqual([])
    const done = (await commandsOf(server, await backUp(server))).filter((command) => !command.onlyLooks)
    // What a forecast will find, only the forecast knows. Archives are written beside what follows.
    const told = (of: { event: string; source: string; argv: string[] }[], archives: boolean) =>
      of
        .filter(({ event }) => (event === 'archive.weekly') === archives)
        .map(({ event, source, argv }) => [
          event,
          source,
          ...argv.map((word) => word.replace(/^--max-delete=\w+$/, '--max-delete=N')),
        ])
    const planned = steps.flatMap(({ argvs, ...of }: { argvs: string[][]; event: string; source: string }) =>
      argvs.map((argv) => ({ ...of, argv })),
    )
    for (const archives of [false, true]) expect(told(planned, archives)).toEqual(told(done, archives))
    expect(planned.some(({ argv }: { argv: string[] }) => argv.includes('--dry-run'))).toBe(
      which === 'second',
    )
  })

  test('quotes for a shell, and says what would fail', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'home'), { recursive: true })
    const io = printed()
    expect(await planCommand([], { config: server.config }, io)).toBe(1)
    expect(io.out).toMatch(/^rsync .* '--filter=P \/lost\+found' -- \S+\/www\/ \S+\/disk\/www\/\n/)
    expect(io.err).toMatch(/^hdsync: home would fail: sync\.run: .*does not exist/)
  })
})

test.each([
  [['lvs', '-o', 'lv_name'], true],
  [['dmsetup', 'status'], true],
  [['dmsetup', 'resume', 'vg-lv'], false],
  [['lvremove', '--force', 'vg/lv'], false],
])('onlyLooks(%j) is %s', (argv, looks) => expect(onlyLooks(argv)).toBe(looks))
