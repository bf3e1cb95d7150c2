import { setTimeout as sleep } from 'node:timers/promises'
import { HdsyncError, reasonOf } from '../../errors.ts'
import {
  fleetVersion,
  type JoinCode,
  joinedMessage,
  joinedSubject,
  joinSubject,
  readMessage,
} from '../../fleet-protocol.ts'
import { type BrokerDoor, connectToBroker, type NatsConnection } from './connection.ts'
import { type Nkey, nkeyFromSeed } from './nkey.ts'

const answerMs = 15_000
const askEveryMs = 1000
const letInMs = 5000
const pauseMs = 500

/**
 * Hands in the key of this host, by the right of a code, and waits until the server lets it in.
 * @param seed The secret key of this host, which stays here.
 * @param onTaken Called once the hub has taken it, and the code is used up.
 * @throws {HdsyncError} The hub does not take it, or does not answer.
 */
export async function handInKey(code: JoinCode, seed: string, onTaken: () => void): Promise<void> {
  const key = nkeyFromSeed(seed)
  const door = { servers: code.servers, ca: code.ca, name: `hdsync-join ${code.host}` }
  const error = await asked({ ...door, seed: code.seed }, code.host, key)
  if (error !== null) throw refused(error)
  onTaken()
  const connection = await letIn({ ...door, seed }).catch((cause) => {
    throw new HdsyncError(
      `the hub has taken the key, but the NATS server does not let it in: ${reasonOf(cause)}`,
      {
        hint: 'on the hub: systemctl reload nats-server',
        cause,
      },
    )
  })
  await connection.close()
}

/** The server may still be about to read its new users. @throws {Error} It does not let this one in for a while. */
async function letIn(door: BrokerDoor): Promise<NatsConnection> {
  for (const until = Date.now() + letInMs; ; await sleep(pauseMs)) {
    try {
      return await connectToBroker(door)
    } catch (error) {
      if (Date.now() > until) throw error
    }
  }
}

/** @returns Why the hub does not take the key; null when it does. @throws {HdsyncError} It does not answer. */
async function asked(door: BrokerDoor, host: string, key: Nkey): Promise<string | null> {
  const connection = await letIn(door).catch((cause) => {
    throw refused(reasonOf(cause), cause)
  })
  try {
    const answer = Promise.withResolvers<string | null>()
    connection.subscribe(joinedSubject(host), {
      callback: (error, { data }) => {
        const message = error ? undefined : readMessage(joinedMessage, data)
        if (message?.key === key.publicKey) answer.resolve(message.error)
      },
    })
    const question = JSON.stringify({ v: fleetVersion, key: key.publicKey })
    const ask = () => {
      if (!connection.isClosed()) connection.publish(joinSubject(host), question)
    }
    ask()
    // Nobody keeps the question for a hub that is just starting.
    const again = setInterval(ask, askEveryMs)
    const late = sleep(answerMs, undefined, { ref: false }).then(() => {
      throw new HdsyncError('the hub does not answer', {
        hint: 'its daemon has to run: systemctl status hdsync, and journalctl -u hdsync, on the hub',
      })
    })
    try {
      return await Promise.race([answer.promise, late])
    } finally {
      clearInterval(again)
    }
  } finally {
    await connection.close()
  }
}

function refused(reason: string, cause?: unknown): HdsyncError {
  return new HdsyncError(`this host is not let in: ${reason}`, {
    hint: 'a code is good for a day, and once; another one, on the hub: hdsync fleet enroll HOST',
    cause,
  })
}
