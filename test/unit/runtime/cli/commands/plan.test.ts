import { chmodSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planCommand } from '../../../../../runtime/cli/commands/plan.ts'
import { showCommand } from '../../../../../runtime/cli/commands/show.ts'
import { onlyLooks } from '../../../../../runtime/host/command/read-only-commands.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

interface Step {
  argvs: string[][]
  event: string
  source: string
  unlessUnchanged?: true
  unlessNeedless?: true
  ifWritten?: true
  ifDoubtful?: true
}

/** A source that is copied through a view has one for each run: a plan does not know its name. */
const inAnyRun = (argv: readonly string[]) =>
  argv.map((word) => word.replace(/^\/run\/hdsync\/[^/]+\/sources\/[^-]+-/, '/run/hdsync/STORE/sources/RUN-'))

/** Whether it makes or removes such a view, which takes root and an rsync that would follow links. */
const isOfView = (line: string) => /^u?mount\b/.test(line)

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
  test.each([
    ['first night', 0, []],
    ['second night, in which nothing has changed', 1, []],
    ['third night, in which something has', 2, ['www']],
  ])('tells the commands of the %s', async (_, nights, changed) => {
    const server = await makeServer('archive: { target: disk }\n')
    for (let night = 0; night < nights; night += 1) await backUp(server)
    for (const source of changed) chmodSync(join(server.folder, source, 'file'), 0o600)
    const { steps, problems } = await planOf(server)
    expect(problems).toEqual([])
    const run = await backUp(server)
    const { done, some, dry } = Object.groupBy(
      (await commandsOf(server, run)).filter((command) => !command.onlyLooks),
      ({ argv }) => (argv.includes('--existing') ? 'some' : argv.includes('--dry-run') ? 'dry' : 'done'),
    )
    // Whether files were written while they were copied is a matter of chance.
    const ifWritten = steps.filter((step: Step) => step.ifWritten)
    expect(ifWritten).toHaveLength(nights === 0 ? 0 : 2)
    expect(ifWritten.flatMap(({ argvs }: Step) => argvs.map(inAnyRun))).toEqual(
      expect.arrayContaining((some ?? []).map(({ argv }) => inAnyRun(argv))),
    )
    // Names tell enough, as nothing was deleted.
    expect(dry).toBeUndefined()
    expect(steps.filter(({ ifDoubtful }: Step) => ifDoubtful)).toHaveLength(nights === 0 ? 0 : 2)
    const unchanged = nights === 0 ? [] : ['home', 'www'].filter((source) => !changed.includes(source))
    // What would be left out has to say so, and nothing else may.
    expect(steps.filter(({ unlessUnchanged }: Step) => unlessUnchanged)).toHaveLength(nights === 0 ? 0 : 4)
    // Files that are so new that they may change unseen are copied: how new they are, is a matter of chance.
    const copies = steps.filter(
      ({ unlessNeedless, argvs }: Step) => unlessNeedless && !isOfView(argvs.join()),
    )
    expect(copies).toHaveLength(nights === 0 ? 0 : 2)
    const needless = unchanged.filter(
      (name) => !done?.some(({ source, argv }) => source === name && argv[0] === 'rsync'),
    )
    const expected = steps.filter(
      ({ unlessUnchanged, unlessNeedless, ifWritten, ifDoubtful, source }: Step) =>
        !ifWritten &&
        !ifDoubtful &&
        !(unlessUnchanged && unchanged.includes(source)) &&
        !(unlessNeedless && needless.includes(source)),
    )
    // What is permitted, only the mirror knows. Archives are written beside what follows.
    const told = (of: { event: string; source: string; argv: string[] }[], archives: boolean) =>
      of
        .filter(({ event }) => (event === 'archive.weekly') === archives)
        .map(({ event, source, argv }) => [
          event,
          source,
          ...inAnyRun(argv).map((word) => word.replace(/^--max-delete=\w+$/, '--max-delete=N')),
        ])
    const planned = expected.flatMap(({ argvs, ...of }: Step) => argvs.map((argv) => ({ ...of, argv })))
    for (const archives of [false, true]) expect(told(planned, archives)).toEqual(told(done ?? [], archives))
  })

  test('says of each step on what it depends', async () => {
    const server = await makeServer('archive: { target: disk }\n')
    await backUp(server)
    const io = printed()
    expect(await planCommand(['www'], { config: server.config }, io)).toBe(0)
    const lines = io.out
      .trim()
      .split('\n')
      .filter((line) => !isOfView(line))
    expect(lines.map((line) => [line.split(' ')[0], / {2}# (if|unless)/.exec(line)?.[1]])).toEqual([
      ['rsync', 'if'],
      ['rsync', 'if'],
      ['rsync', 'unless'],
      ['sync', undefined],
      ['tar', 'unless'],
      ['zstd', 'unless'],
    ])
  })

  test('quotes for a shell, and says what would fail', async () => {
    const server = await makeServer()
    rmSync(join(server.folder, 'home'), { recursive: true })
    const io = printed()
    expect(await planCommand([], { config: server.config }, io)).toBe(1)
    expect(io.out).toMatch(/^rsync .* '--filter=P \/lost\+found' -- \S+[/-]www\/ \S+\/disk\/www\/\n/m)
    expect(io.err).toMatch(/^hdsync: home would fail: sync\.run: .*does not exist/)
  })
})

test.each([
  [['lvs', '-o', 'lv_name'], true],
  [['dmsetup', 'status'], true],
  [['dd', 'if=/a', 'iflag=nocache', 'count=0', 'status=none'], true],
  [['dd', 'if=/a', 'of=/b', 'count=0'], false],
  [['dd', 'if=/a'], false],
  [['dmsetup', 'resume', 'vg-lv'], false],
  [['lvremove', '--force', 'vg/lv'], false],
])('onlyLooks(%j) is %s', (argv, looks) => expect(onlyLooks(argv)).toBe(looks))
