/**
 * `npm start`: a small server is backed up for two nights before your eyes, in a throw-away machine with a real
 * kernel and real LVM; then a file is lost and comes back. Where that cannot boot, the same runs on plain directories.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { styleText } from 'node:util'
import { lab2002 } from '../../test/lab/lab2002.ts'
import { writeLoad } from '../../test/lab/load.ts'
import { boot, labAvailable, type Machine, makeDisk, scratchFolder } from '../../test/lab/machine.ts'
import { buildServer } from '../../test/lab/servers.ts'

const mib = 2 ** 20
const columns = process.stdout.columns ?? 100

function heading(text: string): void {
  console.log(
    `\n${styleText('bold', `── ${text} `)}${styleText('dim', '─'.repeat(Math.max(3, columns - text.length - 5)))}`,
  )
}

function say(text: string): void {
  console.log(styleText('dim', text))
}

const config = `sources:
  var:  { lv: vg01/lv_var,  target: hdd1, exclude: [/cache/], mount: { backoff: 100ms..1s } }
  home: { lv: vg01/lv_home, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vdc, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
`

/** The files of a small server: mail, a database, web pages, somebody's photos. */
const files = `
  mkdir -p /srv/var/mail /srv/var/www /srv/var/cache /srv/home/ann/photos /srv/home/bob
  for n in {1..150}; do echo "mail $n" > /srv/var/mail/$n; echo "<h1>$n</h1>" > /srv/var/www/$n.html; done
  head -c 12M /dev/urandom > /srv/var/database; head -c 5M /dev/zero > /srv/var/cache/junk
  for n in {1..8}; do head -c 1M /dev/urandom > /srv/home/ann/photos/$n.jpg; done
  echo 'to do: backups' > /srv/home/bob/notes; chown -R 1000:1000 /srv/home/ann; chown -R 1001:1001 /srv/home/bob`

async function inMachine(): Promise<void> {
  heading('a machine boots')
  const dir = scratchFolder()
  const disks = await Promise.all([300, 120, 120].map((size, n) => makeDisk(dir, `disk${n}`, size * mib)))
  const machine = await boot({ disks })
  try {
    say(`${await machine.ok('uname -srm')}, LVM and file systems are real; nothing outside it is touched`)
    const volumes = [
      { name: 'lv_var', fs: 'reiserfs', size: '90M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
    ] as const
    await machine.ok(`${buildServer({ volumes: [...volumes] })}\n${files}`)
    await machine.ok('mke2fs -q -t ext4 /dev/vdb; mke2fs -q -t ext4 /dev/vdc; mkdir -p /mnt/hdd1 /mnt/hdd9')
    writeFileSync(join(machine.dir, 'hdsync.yaml'), config)
    await machine.ok('install -D -m 644 /run/lab/hdsync.yaml /etc/hdsync/hdsync.yaml')
    await show(machine, 'df -hT /srv/var /srv/home')
    await show(machine, 'cat /etc/hdsync/hdsync.yaml')
    await show(machine, 'hdsync target adopt hdd1; hdsync target adopt hdd9')

    heading('the first night: live volumes, and a snapshot that the kernel refuses to mount')
    say(
      'programs keep writing to /srv/var; its first snapshots are taken as they were in 2002, with a journal',
    )
    say('in mid-air that cannot be replayed. Scripts that went on regardless wiped the mirror here.')
    const stop = await writeLoad(machine, '/srv/var')
    await lab2002(machine, { first: 2, only: '*var' })
    await show(machine, 'hdsync run')
    await stop()

    heading('the second night: it is the next day, and a few things have changed')
    await machine.ok("date -s '+1 day'")
    await show(
      machine,
      "rm /srv/home/ann/photos/3.jpg; echo 'done: backups' >> /srv/home/bob/notes; echo new > /srv/var/mail/151",
    )
    await show(machine, 'hdsync run')

    heading('where the files are')
    await machine.ok('mount /dev/vdb /mnt/hdd1; mount /dev/vdc /mnt/hdd9')
    await show(machine, 'ls -ln /mnt/hdd1 /mnt/hdd1/home/ann/photos')
    await show(
      machine,
      'ls -ln /mnt/hdd9/*day; tar -tf $(ls -t /mnt/hdd9/*/home.tar.zst | head -1) | head -4',
    )
    await show(machine, 'hdsync runs')

    heading('the morning after: a file is lost')
    const notes = '/srv/home/bob/notes'
    await show(machine, `rm ${notes}`)
    await show(machine, `hdsync versions ${notes}`)
    await show(machine, `hdsync cat ${notes} --at ${await machine.ok('date -d yesterday +%A')}`)
    await show(machine, `hdsync restore ${notes} --in-place --yes`)
    await show(machine, `ls -ln ${notes}; cat ${notes}`)
  } finally {
    await machine.cutPower()
  }
}

/** Types a command and shows what it prints, as it prints it; on a terminal with one of its own. */
async function show(machine: Machine, command: string): Promise<void> {
  console.log(`${styleText('green', '#')} ${styleText('bold', command)}`)
  const terminal = process.stdout.isTTY
  writeFileSync(join(machine.dir, 'typed'), `cd /\n${command}\n`)
  const typed = terminal
    ? `TERM=xterm-256color script -qefc 'stty cols ${columns} rows 50; bash /run/lab/typed' /dev/null`
    : 'bash /run/lab/typed 2>&1'
  const running = await machine.start(typed)
  const ended = running.wait()
  let over = false
  ended.finally(() => {
    over = true
  })
  let printed = 0
  for (;;) {
    const last = over
    const { stdout } = await running.output()
    process.stdout.write(stdout.slice(printed))
    printed = stdout.length
    if (last) break
    await pause(60)
  }
  await ended
}

function onDirectories(why: string): void {
  heading('no machine with LVM can boot here')
  say(why)
  say('so the same chain runs on plain directories')
  const dir = scratchFolder()
  // Two nights on two weekdays: it is another day elsewhere.
  let zone = 'Etc/GMT+12'
  const hdsync = (...words: string[]) => {
    console.log(`${styleText('green', '$')} ${styleText('bold', `hdsync ${words.join(' ')}`)}`)
    const launcher = join(import.meta.dirname, '../bin/hdsync')
    const env = { ...process.env, HDSYNC_CONFIG: join(dir, 'hdsync.yaml'), TZ: zone }
    spawnSync(launcher, words, { stdio: 'inherit', env })
  }
  for (const folder of ['files/photos', 'mirror', 'archive', 'state'])
    mkdirSync(join(dir, folder), { recursive: true })
  for (const n of [1, 2, 3]) writeFileSync(join(dir, `files/photos/${n}.jpg`), Buffer.alloc(5 * mib, n))
  writeFileSync(join(dir, 'files/notes'), 'to do: backups\n')
  writeFileSync(
    join(dir, 'hdsync.yaml'),
    `sources: { files: { path: ${dir}/files, target: mirror } }
targets: { mirror: { path: ${dir}/mirror }, archive: { path: ${dir}/archive } }
archive: { target: archive }
state: ${dir}/state
functions: ${dir}/functions
`,
  )
  hdsync('target', 'adopt', 'mirror')
  hdsync('target', 'adopt', 'archive')
  heading('the first night')
  hdsync('run')
  heading('the second night: a file is gone, another is new')
  zone = 'Etc/GMT-14'
  const notes = join(dir, 'files/notes')
  rmSync(join(dir, 'files/photos/3.jpg'))
  writeFileSync(join(dir, 'files/new'), 'new\n')
  writeFileSync(notes, 'done: backups\n')
  hdsync('run')
  hdsync('runs')
  heading('the morning after: the notes are lost')
  rmSync(notes)
  hdsync('versions', notes)
  hdsync('restore', notes, '--in-place', '--yes')
  say(`${notes}: ${readFileSync(notes, 'utf8').trimEnd()}`)
}

// In order: what is left at the end of the process is removed then, a machine that boots among it.
for (const [signal, number] of [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const)
  process.once(signal, () => process.exit(128 + number))

const lab = labAvailable()
if (lab.ok) await inMachine()
else onDirectories(lab.why)
heading('next')
console.log('README.md tells how to set it up on a server.  npm start -- --help  lists the commands.\n')
process.exit(0)
