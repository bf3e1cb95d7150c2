import { writeSync } from 'node:fs'
import { holdLock } from '../../../../../../runtime/core/bus/sqlite/database.ts'

// The other process: takes the lock on a state directory, says whether it has it, and keeps it.
const unlock = holdLock(process.argv[2] ?? '')
writeSync(1, unlock ? 'held\n' : 'refused\n')
process.stdin.resume().once('end', () => unlock?.())
