import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { leadBrowser } from '../../../../../runtime/cli/open/lead-browser.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { printed } from '../night.ts'

const link = 'http://localhost:7227/open/a-code-that-lets-in'

/** A desktop whose `xdg-open` keeps what it was called with. */
function desktop(uid: number) {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\necho "$@" > ${folder}/called\n`, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
  const geteuid = vi.spyOn(process as Required<typeof process>, 'geteuid').mockReturnValue(uid)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    geteuid.mockRestore()
  })
  return { folder, called: join(folder, 'called'), file: join(folder, 'hdsync-open.html') }
}

test('the browser is led by a file that nobody else reads: the code is no argument of a program', async () => {
  const { folder, called, file } = desktop(1000)
  const io = { ...printed(), env: { DISPLAY: ':0', XDG_RUNTIME_DIR: folder } }
  writeFileSync(file, 'an earlier one', { mode: 0o644 })
  await leadBrowser(link, io)
  expect(readFileSync(called, 'utf8')).toBe(`${file}\n`)
  expect(readFileSync(file, 'utf8')).toContain(`content="0; url=${link}"`)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('nobody is led as root, without a desktop, or without a folder of their own', async () => {
  const one = desktop(1000)
  await leadBrowser(link, { ...printed(), env: { XDG_RUNTIME_DIR: one.folder } })
  await leadBrowser(link, { ...printed(), env: { DISPLAY: ':0' } })
  const other = desktop(0)
  await leadBrowser(link, { ...printed(), env: { DISPLAY: ':0', XDG_RUNTIME_DIR: other.folder } })
  for (const path of [one.called, one.file, other.called, other.file]) expect(existsSync(path)).toBe(false)
})
