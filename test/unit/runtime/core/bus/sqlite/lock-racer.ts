import { parentPort, workerData } from 'node:worker_threads'
import { holdLock } from '../../../../../../runtime/core/bus/sqlite/database.ts'

// Takes the lock of each directory in the very moment in which another thread does, and tells which ones it has got.
const { directories, gate } = workerData as { directories: string[]; gate: Int32Array }
// Kept until the end: a lock that nobody can give back any more is given back by the garbage collector.
const locks = directories.map((directory, round) => {
  Atomics.add(gate, 0, 1)
  while (Atomics.load(gate, 0) < 2 * (round + 1));
  return holdLock(directory)
})
parentPort?.postMessage(locks.map((lock) => lock !== undefined))
parentPort?.once('message', () => {
  for (const unlock of locks) unlock?.()
})
