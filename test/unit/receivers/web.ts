import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** One request as it came. */
export interface Heard {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

/** What a receiver does with a request: a status with headers, or something worse. */
export type Behaviour =
  | number
  | { status: number; headers: Record<string, string> }
  | 'drop'
  | 'drop before reading'
  | 'hang'

/** Somebody else's web server on loopback, which behaves as a test says: each request as the next of a list. */
export class WebReceiver {
  readonly heard: Heard[] = []
  /** Of the next requests; afterwards all is answered with 204. */
  behaviours: Behaviour[] = []
  readonly #server: Server
  #waiting: (() => void)[] = []

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<WebReceiver> {
    const server = createServer()
    const receiver = new WebReceiver(server)
    server.on('request', async (request, response) => {
      const behaviour = receiver.behaviours.shift() ?? 204
      if (behaviour === 'drop before reading') return void request.socket.destroy()
      const body = Buffer.concat(await Array.fromAsync(request)).toString()
      const { method = '', url: path = '', headers } = request
      receiver.heard.push({ method, path, headers, body })
      behave(behaviour, response)
      for (const resolve of receiver.#waiting.splice(0)) resolve()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Waits until so many requests have come. */
  async received(count: number): Promise<void> {
    while (this.heard.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

function behave(behaviour: Exclude<Behaviour, 'drop before reading'>, response: ServerResponse): void {
  if (behaviour === 'hang') return
  if (behaviour === 'drop') return void response.destroy()
  const { status, headers = {} } =
    typeof behaviour === 'number'
      ? { status: behaviour }
      : (behaviour as { status: number; headers: Record<string, string> })
  response.writeHead(status, headers).end()
}
