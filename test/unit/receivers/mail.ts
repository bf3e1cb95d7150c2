import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { onTestFinished } from 'vitest'

/** One mail as it came. */
export interface Mail {
  from: string
  to: string[]
  /** The message, headers and all, with its lines joined. */
  text: string
  user: string | undefined
  secure: boolean
}

/** What a mail server does with the next mail. */
export type MailBehaviour =
  | 'accept'
  | { code: number; at: 'rcpt' | 'data'; only?: string }
  | 'drop'
  | 'accept and drop'

/** Somebody else's mail server on loopback. */
export class MailReceiver {
  readonly mails: Mail[] = []
  behaviours: MailBehaviour[] = []
  readonly #server: SMTPServer

  private constructor(server: SMTPServer) {
    this.#server = server
  }

  static async start(options: SMTPServerOptions = {}): Promise<MailReceiver> {
    let receiver: MailReceiver
    const now = (): MailBehaviour => receiver.behaviours[0] ?? 'accept'
    const server = new SMTPServer({
      authOptional: true,
      logger: false,
      onAuth: ({ username, password }, _session, done) =>
        password === 'correct horse' ? done(null, { user: username }) : done(new Error('no such user')),
      onRcptTo({ address }, _session, done) {
        const behaviour = now()
        if (typeof behaviour === 'string' || behaviour.at !== 'rcpt') return done()
        if (behaviour.only !== undefined && behaviour.only !== address) return done()
        if (behaviour.only === undefined) receiver.behaviours.shift()
        done(Object.assign(new Error('not now'), { responseCode: behaviour.code }))
      },
      async onData(stream, session, done) {
        const text = Buffer.concat(await Array.fromAsync(stream)).toString()
        const behaviour = receiver.behaviours.shift() ?? 'accept'
        if (behaviour === 'drop') return void dropAll(server)
        if (typeof behaviour === 'object' && behaviour.at === 'data') {
          return done(Object.assign(new Error('not now'), { responseCode: behaviour.code }))
        }
        receiver.mails.push({
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
          to: session.envelope.rcptTo.map(({ address }) => address),
          text,
          user: session.user,
          secure: session.secure,
        })
        if (behaviour === 'accept and drop') return void dropAll(server)
        done()
      },
      ...options,
    })
    server.on('error', () => {})
    receiver = new MailReceiver(server)
    const listening = server.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    onTestFinished(() => {
      dropAll(server)
      server.close()
    })
    return receiver
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port
  }
}

function dropAll(server: SMTPServer): void {
  const { connections } = server as unknown as { connections: Set<{ _socket: { destroy(): void } }> }
  for (const { _socket } of connections) _socket.destroy()
}
