import { expect, test } from 'vitest'
import type { Box } from '../../../../../runtime/cli/checks/box.ts'
import { checkMachine } from '../../../../../runtime/cli/checks/machine.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import type { CommandRunner } from '../../../../../runtime/host/command/command.ts'

const mounts = [
  { at: '/', device: 'vda1', number: '254:1', type: 'ext4' },
  { at: '/srv', device: 'vda2', number: '254:2', type: 'xfs' },
  { at: '/var', device: 'vda3', number: '254:3', type: 'ext4' },
]
const printed: Record<string, unknown> = {
  lsblk: {
    blockdevices: mounts.map(({ device, number, type }) => ({
      ...{ kname: device, path: `/dev/${device}`, 'maj:min': number, type: 'part', size: 1e9 },
      ...{ fstype: type, uuid: `uuid-${device}`, label: null, ro: false, rm: false, tran: null },
    })),
  },
  findmnt: {
    filesystems: mounts.map(({ at, device, number, type }) => ({
      ...{
        target: at,
        source: `/dev/${device}`,
        fstype: type,
        options: 'rw',
        'maj:min': number,
        fsroot: '/',
      },
    })),
  },
}

test('names file systems of the machine that no source covers', async () => {
  const config = parseConfig(
    `
sources: { etc: { path: /etc, target: t }, var: { path: /var, target: t } }
targets: { t: { path: /nowhere/backup } }
`,
    'test',
  )
  const run: CommandRunner['run'] = async ({ argv: [program] }) => ({
    ...{ exitCode: 0, stdout: printed[program] ? JSON.stringify(printed[program]) : '', stderr: '' },
    durationMs: 0,
  })
  const found = await checkMachine({ config, runner: { run } } as unknown as Box)
  expect(found).toMatchObject([
    {
      id: 'machine.uncovered',
      severity: 'ok',
      finding: 'of / (ext4), only /etc is backed up',
    },
    {
      id: 'machine.uncovered',
      severity: 'warning',
      finding: '/srv (xfs) is in no source: nothing of it comes back',
    },
  ])
})

test('a vault without sources backs up nothing of its own, and is not told so', async () => {
  const config = parseConfig('vault: { path: /srv/vault }\n', 'test')
  expect(await checkMachine({ config } as Box)).toEqual([])
})
