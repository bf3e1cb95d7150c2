import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { RunResult } from '../../../events/index.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Running, RunOptions } from '../machine.ts'
import type { Night, Setting } from '../night.ts'

export const boot = `
  mkdir -p /srv/state /mnt/hdd1 /mnt/hdd9
  mount /dev/vdd /srv/state`

/** Two small volumes, a disk for the mirrors, one for the archives, and one for the event store. */
export const office: Setting = {
  server: {
    volumes: [
      { name: 'lv_var', fs: 'ext4', size: '24M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext4', size: '24M', at: '/srv/home' },
    ],
  },
  group: 100,
  disks: [64, 48, 32],
  prepare: `
    for disk in b c d; do mke2fs -q -t ext4 /dev/vd$disk; done
    ${boot}
    for at in /srv/var /srv/home; do
      mkdir $at/mail
      for n in 1 2 3 4 5; do echo $at $n > $at/mail/$n; done
      head -c 300000 /dev/urandom > $at/mail/large
      ln $at/mail/1 $at/linked; ln -s mail $at/link
    done
    sync
    hdsync target adopt --all`,
  boot,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1, snapshot: { size: 8M }, mount: { backoff: 1h } }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 8M } }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vdc, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
state: /srv/state/hdsync
`,
}

/** A stop that takes longer, even on a machine that is busy otherwise, has not been understood as one. */
export const endTimeoutMs = 150_000
/** Programs that hdsync runs here. A script that is held bears its program's name. */
export const programs = [
  'lvs',
  'lvcreate',
  'lvremove',
  'blkid',
  'mount',
  'umount',
  'rsync',
  'tar',
  'zstd',
  'sync',
]

export interface Hdsync {
  running: Running
  /** Sends a signal to hdsync itself, found by its pid. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Waits until it has printed this on stderr. */
  says(text: string): Promise<void>
  end(options?: RunOptions): Promise<{ code: number; result: RunResult; stderr: string }>
}

/** Starts `hdsync run`. */
export async function begin(
  night: Night,
  {
    words = '',
    script = `echo $$ > /run/hdsync.pid; exec hdsync run ${words} --json`,
  }: { words?: string; script?: string } = {},
): Promise<Hdsync> {
  const running = await night.machine.start(script)
  return {
    running,
    async kill(signal) {
      await running.kill(signal, Number(await night.machine.ok('cat /run/hdsync.pid')))
    },
    async says(text) {
      for (const until = Date.now() + endTimeoutMs; Date.now() < until; await pause(20)) {
        if ((await running.output()).stderr.includes(text)) return
      }
      throw new Error(`it never said "${text}":\n${(await running.output()).stderr}`)
    },
    async end(options) {
      const { code, stdout, stderr } = await running.wait(options)
      if (!stdout.trim()) throw new Error(`exit ${code}, no result:\n${stderr}`)
      return { code, stderr, result: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RunResult }
    },
  }
}

export async function expectCancelled(
  night: Night,
  hdsync: Hdsync,
  signal: 'SIGINT' | 'SIGTERM',
): Promise<RunResult> {
  const { code, result } = await hdsync.end({ timeoutMs: endTimeoutMs })
  expect(await aftermath(night)).toEqual(clean)
  expect(result).toMatchObject({ state: 'cancelled' })
  expect(code).toBe(signal === 'SIGINT' ? 130 : 143)
  return result
}

export async function shown(night: Night): Promise<RunResult> {
  return JSON.parse(await night.machine.ok('hdsync show --json'))
}

export async function runs(night: Night): Promise<RunResult[]> {
  return JSON.parse(await night.machine.ok('hdsync runs --json'))
}

/** Waits until a script succeeds. */
export async function until(night: Night, script: string): Promise<void> {
  await night.machine.ok(
    `for i in {1..600}; do { ${script}; } >/dev/null 2>&1 && exit; sleep 0.2; done; exit 1`,
  )
}

/** From now on a program is called with further options that slow it down, until it is told otherwise. */
export async function slow(
  night: Night,
  program: string,
  ...options: string[]
): Promise<() => Promise<void>> {
  const at = `/usr/local/sbin/${program}`
  await night.machine.ok(
    `printf '%s\\n' '#!/bin/sh' 'exec /usr/bin/${program} ${options.join(' ')} "$@"' > ${at}; chmod 755 ${at}`,
  )
  return async () => {
    await night.machine.ok(`rm ${at}`)
  }
}

/** Ends what a test has left running when it failed halfway, so that the next one begins afresh. */
export async function letGo(night: Night): Promise<void> {
  await night.machine.ok(`
    pkill -KILL -f runtime/cli/main
    rm -f ${programs.map((name) => `/usr/local/sbin/${name}`).join(' ')}
    for held in /run/hold-*; do touch $held/go; done; true`)
}

/** From now on each command that is run while those of this name from before live is noted in /run/overlap. */
export async function watchOverlap(night: Night, program: string): Promise<void> {
  await night.machine.ok(`
    : > /run/overlap
    for pid in $(pgrep -x ${program}); do
      tests="$tests grep -qs '^State:.[RSDT]' /proc/$pid/status && echo \\"\${0##*/} \\$*\\" >> /run/overlap;"
    done
    for name in ${programs.join(' ')}; do
      real=$(PATH=/usr/sbin:/usr/bin command -v $name)
      printf '%s\\n' '#!/bin/bash' "$tests" "exec -a $name $real \\"\\$@\\"" > /usr/local/sbin/.$name
      chmod 755 /usr/local/sbin/.$name
      mv /usr/local/sbin/.$name /usr/local/sbin/$name
    done`)
}

export async function runningOn(night: Night): Promise<string[]> {
  return words(await night.machine.ok(`ps -eo comm= | grep -xE 'hook|${programs.join('|')}' | sort -u`))
}

export async function suspended(night: Night): Promise<string[]> {
  const list = await night.machine.ok('dmsetup info -c --noheadings --separator " " -o name,suspended')
  return list.split('\n').flatMap((line) => (/ Suspended/.test(line) ? [line.split(' ')[0] ?? ''] : []))
}

export const clean = { suspended: [], running: [], snapshots: [], mounts: [], parts: [], broken: [] }

/** What a stop has left: nothing, if all is well. */
export async function aftermath(night: Night): Promise<Record<keyof typeof clean, string[]>> {
  const found = await night.machine.ok(`
    PATH=/usr/sbin:/usr/bin
    dmsetup info -c --noheadings --separator ' ' -o name,suspended | sed -n 's/^\\(.*\\) Suspended$/suspended \\1/p'
    ps -eo comm= | grep -xE 'hook|node|${programs.join('|')}' | sed 's/^/running /'
    lvs --noheadings -o lv_full_name -S 'lv_name!~"^lv_"' | sed 's/^ */snapshots /'
    awk '$5 ~ "^/(run/hdsync|mnt/)" { print "mounts", $5 }' /proc/self/mountinfo
    grep -q ' /mnt/' /proc/mounts && exit
    mount /dev/vdb /mnt/hdd1; mount /dev/vdc /mnt/hdd9
    find /mnt -name '*.hdsync-part' -o -name '.*.??????' | sed 's/^/parts /'
    find /mnt/hdd9 -name '*.tar.zst' | while read -r file; do zstd -qt $file 2>&1 || echo broken $file; done
    umount /mnt/hdd1 /mnt/hdd9`)
  const after: Record<string, string[]> = structuredClone(clean)
  for (const line of found.split('\n').filter(Boolean)) {
    const [kind = '', ...rest] = line.split(' ')
    const list = after[kind]
    if (!list) throw new Error(`what is this? ${line}`)
    list.push(rest.join(' '))
  }
  return after as Record<keyof typeof clean, string[]>
}

/** Archives, each with its inode and its content's hash: another one in its place is told from the old one. */
export async function archivesOn(night: Night): Promise<string[]> {
  return words(
    await night.machine.ok(`
      mount /dev/vdc /mnt/hdd9
      find /mnt/hdd9 -name '*.tar*' -printf '%p:%i:' -exec sh -c 'sha256sum < {} | cut -c1-16' \\;
      umount /mnt/hdd9`),
  )
}

export async function expectMirrors(night: Night, ...sources: string[]): Promise<void> {
  await night.machine.ok('mount /dev/vdb /mnt/hdd1')
  try {
    for (const source of sources) {
      expect(await fingerprint(night.machine, `/mnt/hdd1/${source}`)).toBe(
        await fingerprint(night.machine, `/srv/${source}`),
      )
    }
  } finally {
    await night.machine.ok('umount /mnt/hdd1')
  }
}

/** What SQLite itself thinks of the event store. */
export function integrity(night: Night): Promise<string> {
  return night.machine.ok(`node -e '
    const { DatabaseSync } = require("node:sqlite")
    const store = new DatabaseSync("/srv/state/hdsync/hdsync.db")
    const rows = [...store.prepare("PRAGMA integrity_check").all(), ...store.prepare("PRAGMA foreign_key_check").all()]
    console.log(rows.map((row) => Object.values(row).join(" ")).join("\\n"))'`)
}

/** From now on lvcreate stops after it has suspended lv_var, until there is a file /run/stuck/go. */
export async function installStuckLvcreate(night: Night, volume = 'lv_var'): Promise<void> {
  writeFileSync(
    join(night.machine.dir, 'stuck.c'),
    `#define _GNU_SOURCE
    #include <fcntl.h>
    #include <linux/dm-ioctl.h>
    #include <stdarg.h>
    #include <sys/ioctl.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    int ioctl(int fd, unsigned long request, ...)
    {
      va_list rest;
      va_start(rest, request);
      struct dm_ioctl *command = va_arg(rest, void *);
      va_end(rest);
      struct stat live;
      int suspends = request == DM_DEV_SUSPEND && command->flags & DM_SUSPEND_FLAG &&
        !stat("/dev/mapper/vg01-${volume}", &live) && command->dev == live.st_rdev;
      int result = syscall(SYS_ioctl, fd, request, command);
      if (suspends && result == 0) {
        close(open("/run/stuck/suspended", O_CREAT | O_WRONLY, 0600));
        while (access("/run/stuck/go", F_OK)) usleep(50000);
      }
      return result;
    }`,
  )
  await night.machine.ok(`
    mkdir -p /run/stuck
    rm -f /run/stuck/go /run/stuck/suspended
    gcc -shared -fPIC -O2 -o /run/stuck/stuck.so /run/lab/stuck.c
    printf '%s\\n' '#!/bin/bash' 'export LD_PRELOAD=/run/stuck/stuck.so' 'exec -a lvcreate /usr/sbin/lvm "$@"' \
      > /usr/local/sbin/lvcreate
    chmod 755 /usr/local/sbin/lvcreate`)
}

export function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean).sort()
}
