import { describeBus } from './bus.ts'
import { open } from './open-sqlite.ts'

describeBus('SqliteBus', open, new URL('./open-sqlite.ts', import.meta.url))
