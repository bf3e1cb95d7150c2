/**
 * The least that could do the same: node:http, no checks, the same rows, and commits shared in the same way.
 * Argument: a folder. Says its port.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Publication } from '../../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../runtime/core/bus/sqlite/database.ts'
import { newRunId } from '../../../runtime/core/publication.ts'

const folder = process.argv[2] ?? ''
const bus = new SqliteBus(openDatabase(folder), folder)
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
let waiting: { publication: Publication; answer: () => void }[] = []

function put(publication: Publication, answer: () => void): void {
  if (waiting.length === 0) setImmediate(flush)
  waiting.push({ publication, answer })
}

async function flush(): Promise<void> {
  const batch = waiting
  waiting = []
  await bus.publish(batch.map(({ publication }) => publication))
  for (const { answer } of batch) answer()
}

process.on('SIGINT', () => process.exit())
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const { id, source, type, data } = JSON.parse(Buffer.concat(chunks).toString())
    // As random as ours: ids in their order would spare the index of the runs most of its pages.
    const runid = newRunId()
    const event = {
      id,
      source,
      type,
      data,
      runid,
      attempt: 1,
      time: new Date().toISOString(),
      traceparent,
    }
    const deliveries = [{ function: type, runAt: Number.MAX_SAFE_INTEGER }]
    put({ event: event as Publication['event'], deliveries }, () => {
      response.writeHead(202, { 'content-type': 'application/json', location: `/runs/${runid}` })
      response.end(JSON.stringify({ run: runid, id, duplicate: false }))
    })
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
