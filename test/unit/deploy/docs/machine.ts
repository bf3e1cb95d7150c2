import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { temporaryFolder } from '../../temporary-folder.ts'

const checkout = join(import.meta.dirname, '../../../..')
/** Where machines have the checkout: the one that is tested may lie where only its owner gets to. */
export const installed = '/run/hdsync-checkout'

/**
 * Folders that a machine has as a layer of its own above those of this one: users, keys and configs that are made there
 * are gone with it.
 */
const layered = ['/etc', '/var/lib', '/srv', '/mnt', '/home']

/** What systemctl would do for the daemon: the tests with a real systemd are in `test/system`. */
const systemctl = `#!/bin/sh
case "$*" in
  'restart hdsync') test -e /run/hdsync.pid && systemctl stop hdsync || true ;;
  'stop hdsync')
    read -r pid </run/hdsync.pid
    kill "$pid"
    # Nobody waits for it here: it stays as a zombie.
    while grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$pid/status" 2>/dev/null; do sleep 0.1; done
    rm /run/hdsync.pid
    exit ;;
  add-wants*) exit 0 ;;
  *) exit 1 ;;
esac
setsid hdsync serve </dev/null >/run/hdsync.log 2>&1 &
echo $! >/run/hdsync.pid
n=0
while ! test -S /run/hdsync/vault.sock; do
  n=$((n + 1))
  test $n -lt 300 || { cat /run/hdsync.log >&2; exit 1; }
  sleep 0.1
done
`

/** How a command on a machine ended. */
export interface Ran {
  code: number | null
  out: string
  err: string
}

/**
 * A machine as a person at its console has it: `/etc`, users, `/run` and processes of its own, over the files of this one.
 * Machines of one test share a network, which no other one reaches; so port 22 is free there.
 */
export interface Machine {
  /** A folder that all machines see. */
  folder: string
  /** Runs lines in the shell of root, in the home of root. */
  sh(lines: string): Promise<Ran>
  /** Runs a line in a terminal, and types once something is shown. */
  typed(line: string, shown: string, keys: string): Promise<Ran>
  pid: number
}

/** Runs lines that have to end well. */
export async function good(machine: Machine, lines: string): Promise<Ran> {
  const ran = await machine.sh(lines)
  expect(ran, `${lines}\n${ran.out}${ran.err}`).toMatchObject({ code: 0 })
  return ran
}

/** Adds to the config of a machine. */
export function append(machine: Machine, text: string): Promise<Ran> {
  return good(machine, `cat >>/etc/hdsync/hdsync.yaml <<'END'\n${text}END`)
}

/** A block of commands or of a config on a page. */
export interface Block {
  kind: string
  text: string
}

/** The blocks of a part of a page, in its order. */
export function blocksOf(part: string): Block[] {
  return [...part.matchAll(/```(?<kind>\w+)\n(?<text>[^`]*)```/g)].map(({ groups }) => ({
    kind: groups?.kind ?? '',
    text: groups?.text ?? '',
  }))
}

/** Why tests with machines are skipped; undefined where they are not. */
export const whyNoMachines = process.getuid?.() === 0 ? undefined : 'only root makes namespaces'

/** @param beside A machine on the network of which this one is. */
export async function startMachine(beside?: Machine): Promise<Machine> {
  const folder = beside?.folder ?? temporaryFolder()
  const own = temporaryFolder()
  mkdirSync(join(own, 'bin'))
  writeFileSync(join(own, 'bin/systemctl'), systemctl, { mode: 0o755 })
  const setUp = [
    'set -eu',
    'mount --make-rprivate /',
    `mkdir ${own}/layers`,
    `mount -t tmpfs tmpfs ${own}/layers`,
    ...layered.flatMap((path, n) => [
      `mkdir -p ${own}/layers/${n}/upper ${own}/layers/${n}/work`,
      `mount -t overlay overlay -o lowerdir=${path},upperdir=${own}/layers/${n}/upper,workdir=${own}/layers/${n}/work ${path}`,
    ]),
    'mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run',
    `mkdir /run/sshd ${installed}`,
    `mount --bind '${checkout}' ${installed}`,
    'rm -rf /etc/hdsync /var/lib/hdsync',
    'mkdir -p -m 700 /etc/hdsync',
    'ip link set lo up',
    'echo ready',
    'exec sleep infinity',
  ].join('\n')
  const namespaces = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child']
  const unshare = ['unshare', ...namespaces, ...(beside ? [] : ['--net']), '--', 'sh', '-c', setUp]
  const network = beside ? ['nsenter', `--net=/proc/${beside.pid}/ns/net`, '--'] : []
  const words = ['--pdeathsig', 'KILL', '--', ...network, ...unshare]
  const holder = spawn('setpriv', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  // Its processes end with it, and what it has mounted is gone.
  onTestFinished(async () => {
    const ended = once(holder, 'exit')
    if (holder.kill('SIGKILL')) await ended
  })
  await Promise.race([once(holder.stdout as NodeJS.ReadableStream, 'data'), failed(holder)])
  const pid = firstChildOf(holder.pid)
  const env = {
    PATH: [join(own, 'bin'), join(installed, 'deploy/bin'), process.env.PATH].join(delimiter),
    HOME: '/root',
    LC_ALL: 'C',
    TERM: 'xterm',
  }
  const into = ['--target', String(pid), '--mount', '--pid', '--net', '--wdns=/root', '--']
  const start = (...argv: string[]) => spawn('nsenter', [...into, ...argv], { env })
  return {
    ...{ folder, pid },
    sh(lines) {
      const child = start('sh', '-ec', lines)
      child.stdin.end()
      return ranOf(child)
    },
    typed(line, shown, keys) {
      // Of a terminal without a width, a prompt breaks each word.
      const wide = `stty cols 80 rows 40; ${line}`
      const child = start('script', '--quiet', '--return', '--command', wide, '/dev/null')
      let seen = ''
      child.stdout.on('data', (chunk: Buffer) => {
        if (seen.includes(shown)) return
        seen += stripVTControlCharacters(String(chunk))
        if (seen.includes(shown)) child.stdin.write(keys)
      })
      return ranOf(child)
    },
  }
}

async function ranOf(child: ChildProcessWithoutNullStreams): Promise<Ran> {
  const ended = once(child, 'close')
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}

async function failed(holder: ChildProcess): Promise<never> {
  const [code] = await once(holder, 'exit')
  throw new Error(`the machine did not start: ${code}`)
}

function firstChildOf(pid: number | undefined): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return Number(child)
}
