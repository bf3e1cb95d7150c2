import { isNightly } from '../../../nightly.ts'
import { guest } from './guest-bench.ts'

/** Every way to fail, and what is said of it. */
export const failures: Record<string, [text: string, reason: RegExp]> = {
  throws: [guest(`run() { throw new Error('kaputt') }`), /kaputt/],
  'throws what is no error': [
    guest(`run() { throw { toString() { throw 1 } } }`),
    /cannot be written as text/,
  ],
  rejects: [guest(`async run() { await sleep(1); throw new TypeError('no such host') }`), /no such host/],
  'leaves a rejection to nobody': [
    guest(`async run() { void fetch('http://127.0.0.1:1/'); await sleep(60_000, undefined, { ref: true }) }`),
    /guest: fetch failed \(nobody caught it\)/,
  ],
  'throws in a timer': [
    guest(`async run() { setTimeout(() => { throw new Error('late') }, 1); await sleep(60_000) }`),
    /guest: late \(nobody caught it\)/,
  ],
  'ends the process': [guest('run() { process.exit(7) }'), /process\.exit\(7\)/],
  'kills the process': [guest(`run() { process.kill(process.pid, 'SIGSEGV') }`), /SIGSEGV/],
  'never ends, and holds up its process': [
    guest('run() { for (;;); }'),
    /guest took longer than 5 s|did not answer any more \(in hand: .*guest/,
  ],
  'never ends': [guest('run: () => new Promise(() => {})'), /guest took longer than 5 s/],
  'takes too much memory': [
    guest('async run() { const all = []; for (;;) { all.push(Buffer.alloc(10e6, 1)); await sleep(20) } }'),
    /took more than 200 MiB of memory/,
  ],
  'emits what JSON cannot carry': [
    guest('run(_, { emit }) { emit(big, { n: 1n }) }', '')
      .replace('emits: [done]', 'emits: [big]')
      .replace(
        'export default',
        "const big = defineEvent('my.big', z.any(), { external: true })\nexport default",
      ),
    /guest emits my\.big with data that JSON cannot carry: .*BigInt/,
  ],
  'emits a payload of more than 1 MiB': [
    guest(`run(_, { emit }) { emit(done, { source: 'x'.repeat(2 ** 20) }) }`),
    /guest emits test\.done with 1048589 bytes of data; 1048576 are the most/,
  ],
  'emits more than 10,000 events': [
    guest('run(_, { emit }) { for (let n = 0; n <= 10_000; n++) emit(done, {}) }'),
    /guest emits more than 10000 events in one call/,
  ],
  'emits what it has not declared': [
    guest('run(_, { emit }) { emit(work, {}) }'),
    /guest emits test\.work, which its `emits` does not name/,
  ],
  'emits what does not fit': [
    guest('run(_, { emit }) { emit(done, { source: 3 }) }'),
    /does not fit its schema/,
  ],
  'throws in concurrency.key': [
    guest('run() {}', 'concurrency: { key: (data) => (data as any).no.such },'),
    /concurrency\.key: Cannot read properties of undefined/,
  ],
  'never ends in concurrency.key': [
    guest('run() {}', 'concurrency: { key: () => { for (;;); } },'),
    /concurrency\.key: .*(took longer than 5 s|in hand: .*guest)/,
  ],
  'throws in run and in giveUp': [
    guest(`run() { throw new Error('first') }`, `giveUp() { throw new Error('second') },`),
    /first; then, when giving up: second/,
  ],
  'hands a function to the box': [
    guest(`async run(_, { host }) { await host.program({ argv: ['true'], timeoutMs: 1, onStdout() {} }) }`),
    /host\.program\(\): .*could not be cloned/,
  ],
  'asks the box for what it has not': [
    guest('async run(_, { host }) { await (host as any).constructor.constructor() }'),
    /there is no host\.constructor\.constructor\(\)/,
  ],
}

/** One for each way in which a failure is noticed: in the call, beside it, by the end of the process, by a clock, in what comes back. */
const ofEachWay = [
  'throws',
  'throws in a timer',
  'kills the process',
  'never ends, and holds up its process',
  'emits what it has not declared',
  'throws in concurrency.key',
]

/** For where every failure has been seen in another place already: one of each way, and all of them nightly. */
export const fewFailures = Object.entries(failures).filter(([name]) => isNightly || ofEachWay.includes(name))
