import { describeHistories } from './histories.ts'
import { open } from './open-sqlite.ts'

describeHistories('SqliteBus', open)
