import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Figure } from '../main.ts'
import { inFolder, median } from '../measure.ts'
import { send } from './load.ts'

const rounds = 9
const eventsInARound = 4000
const connections = 32

/** How many times as long as a plain server takes for an event `POST /events` does; turn by turn. */
export async function postEvents(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const ours = await server('ours.ts', join(folder, 'ours'))
    const plain = await server('plain.ts', join(folder, 'plain'))
    const ratios: number[] = []
    try {
      // Until the code of both is compiled as it is in a daemon that has been up for a while.
      await send(ours.port, 4 * eventsInARound, connections, 'warm')
      await send(plain.port, 4 * eventsInARound, connections, 'warm')
      for (let n = 0; n < rounds; n += 1) {
        const oursMs = await send(ours.port, eventsInARound, connections, `r${n}-`)
        const plainMs = await send(plain.port, eventsInARound, connections, `r${n}-`)
        ratios.push(oursMs / plainMs)
      }
    } finally {
      for (const { child } of [ours, plain]) child.kill()
    }
    const bench = 'postEvents'
    return [
      // At least 0.7 of its requests a second.
      {
        bench,
        what: 'POST /events, in times of plain node:http',
        value: median(ratios),
        unit: 'x',
        goal: 1 / 0.7,
      },
    ]
  })
}

async function server(file: string, folder: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = await once(child.stdout, 'data')
  return { child, port: Number(String(port)) }
}
