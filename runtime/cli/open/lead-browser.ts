import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRunner, unobserved } from '../../host/command/command.ts'
import type { Io } from '../io.ts'

/**
 * Leads the browser of a desktop to a link. Not as root: a browser is not to run as root. The link lets in whoever has it, and anybody sees the arguments of a program: the
 * browser is shown a file that leads there, in the user's own folder for such.
 */
export async function leadBrowser(link: string, { env }: Io): Promise<void> {
  const isDesktop = Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
  const folder = env.XDG_RUNTIME_DIR
  if (!isDesktop || !folder || process.geteuid?.() === 0) return
  const file = join(folder, 'hdsync-open.html')
  const address = new URL(link).href
  try {
    rmSync(file, { force: true })
    const text = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=${address}"><title>hdsync</title>\n`
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
  } catch {
    // The link was printed.
    return
  }
  const signal = AbortSignal.timeout(5000)
  await createRunner({ observer: unobserved, signal, owner: 'open' })
    .run({ argv: ['xdg-open', file], timeoutMs: 5000 })
    .catch(() => {})
}
