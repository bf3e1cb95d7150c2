import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRunner, unobserved } from '../../../../../runtime/host/command/command.ts'

export const isRoot = process.getuid?.() === 0

export const runner = createRunner({
  observer: unobserved,
  signal: new AbortController().signal,
  owner: 'test',
})

export function sh(command: string, cwd: string): string {
  return execFileSync('sh', ['-ec', command], {
    cwd,
    encoding: 'latin1',
    env: { ...process.env, LC_ALL: 'C' },
  })
}

/** A folder with one of each kind of thing that a backup has to bring back. */
export function makeTree(folder: string): void {
  mkdirSync(join(folder, 'a/deep'), { recursive: true })
  writeFileSync(join(folder, 'a/file'), 'contents')
  writeFileSync(join(folder, 'a/deep/other'), 'more')
  sh(
    `
    ln a/file a/deep/hard
    ln -s '../x -> "y"' a/link
    ln -s /etc a/etc
    truncate -s 3M sparse; printf end >> sparse
    printf x > "$(printf 'odd\\377\\n\\\\q"')"
    mkdir 'with space'; chmod 2775 'with space'; touch -d '2020-02-03 04:05:06.123456789' 'with space/old'
    chmod 4711 a/file
    touch -d '2001-02-03 04:05:06.000000007' a/deep
    mkfifo pipe
    if setfattr -n user.note -v hello a/deep/other 2>/dev/null; then :; fi
    if setfacl -m u:12:r a/deep/other 2>/dev/null; then :; fi
    ${isRoot ? 'chown 1234:2345 a/deep/other; chown -h 77:78 a/link; mknod zero c 1 5; setcap cap_net_raw+ep sparse 2>/dev/null || true' : ''}
    `,
    folder,
  )
}

/** Everything that can be told of a folder, a line an entry: two that are alike have the same. */
export function portrait(folder: string): string {
  const blocks = (path: string) => (statSync(join(folder, path)).blocks < 100 ? 'holes' : 'whole')
  const found = sh(
    `find . -mindepth 1 -printf '%P %y %s %T@ %m %U %G %n %l\\n' | sed 's/^\\(.* d \\)[0-9]*/\\1/' | sort
     find . -type f -exec md5sum {} + | sort
     getfattr -hRd -m- . 2>/dev/null || true
     getfacl -RPn . 2>/dev/null | grep -v '^# file: \\.$' || true`,
    folder,
  )
  return `${found}${blocks('sparse')}`
}

/** An archive of a folder, as hdsync writes them. */
export function archiveOf(parent: string, source: string, archive: string): void {
  mkdirSync(dirname(archive), { recursive: true })
  const program = archive.endsWith('.zst') ? 'zstd -q' : archive.endsWith('.gz') ? 'gzip' : 'cat'
  sh(
    `find ${source} -print0 | tar --create --format=posix --acls --xattrs --numeric-owner --sparse --no-recursion \
       --null --no-unquote --files-from=- | ${program} > ${archive}`,
    parent,
  )
}
