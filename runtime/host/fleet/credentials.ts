import { readFileSync } from 'node:fs'
import * as z from 'zod'
import type { FleetHost } from '../../config/fleet.ts'
import { readSecret } from '../../config/secret.ts'
import { UsageError } from '../../errors.ts'
import { fleetHostName } from '../../fleet-protocol.ts'
import { type BrokerDoor, rotated } from './connection.ts'

const credentials = z.strictObject({ host: z.string().regex(fleetHostName), seed: z.string() })

/** The name of a host in its fleet, and its secret key. */
export type Credentials = z.output<typeof credentials>

/** As they stand in their file. */
export function credentialsText({ host, seed }: Credentials): string {
  return `${JSON.stringify({ host, seed })}\n`
}

/** @throws {UsageError | ConfigError} The file is not there, is open to others, or is something else. */
export async function readCredentials(file: string): Promise<Credentials> {
  const text = await readSecret(file, 'fleet.credentialsFile')
  try {
    return credentials.parse(JSON.parse(text))
  } catch (cause) {
    throw new UsageError(`${file} holds no credentials of a fleet`, {
      hint: 'hdsync fleet join - writes it; the hub makes the code: hdsync fleet enroll HOST',
      cause,
    })
  }
}

/** How a host reaches its fleet: hosts begin with any of several servers, each time anew. @throws {UsageError | ConfigError} Its credentials or its certificate cannot be read. */
export async function hostDoor({
  servers,
  credentialsFile,
  caFile,
}: FleetHost): Promise<BrokerDoor & { host: string }> {
  const { host, seed } = await readCredentials(credentialsFile)
  const begin = Math.floor(Math.random() * servers.length)
  return { host, seed, servers: rotated(servers, begin), ca: readCa(caFile), name: `hdsync-host ${host}` }
}

/** @throws {UsageError} The file cannot be read. */
export function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
}
