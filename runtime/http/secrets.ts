import { Webhook } from 'standardwebhooks'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/problem.ts'
import { readSecret } from '../config/secret.ts'

/** What the files that the config names hold: read once, at the start and at a reload. */
export interface Secrets {
  /** Asked for on TCP; nothing is asked for without it. */
  token: string | undefined
  /** A token that sees how backups stand, and can do nothing. */
  readToken?: string | undefined
  /** By the name of the webhook. */
  webhooks: ReadonlyMap<string, Webhook>
}

const shortestToken = 16

/** Reads the token and the secrets of the webhooks. @throws {ConfigError} A file is missing, or not as it should be. */
export async function readSecrets({ http }: Pick<Config, 'http'>): Promise<Secrets> {
  const webhooks = await Promise.all(
    Object.entries(http?.webhooks ?? {}).map(async ([name, { secretFile }]) => {
      const key = `http.webhooks.${name}.secretFile`
      return [name, webhookOf(await readSecret(secretFile, key), secretFile, key)] as const
    }),
  )
  const token = http?.tokenFile ? await tokenIn(http.tokenFile, 'http.tokenFile') : undefined
  const readToken = http?.readTokenFile ? await tokenIn(http.readTokenFile, 'http.readTokenFile') : undefined
  return { token, readToken, webhooks: new Map(webhooks) }
}

async function tokenIn(file: string, key: string): Promise<string> {
  const token = await readSecret(file, key)
  if (token.length < shortestToken || !/^[\w.~+/=-]+$/.test(token)) {
    const expected = `a token of at least ${shortestToken} letters, digits, \`-._~+/=\``
    const hint = `run: (umask 077; openssl rand -hex 32 > ${file})`
    throw new ConfigError([{ file, key, expected, found: 'another text', hint }])
  }
  return token
}

function webhookOf(secret: string, file: string, key: string): Webhook {
  try {
    return new Webhook(secret)
  } catch (cause) {
    const expected = 'a secret such as whsec_ and 24 to 64 bytes in base64'
    const hint = `run: (umask 077; echo whsec_$(openssl rand -base64 32) > ${file})`
    throw new ConfigError([{ file, key, expected, found: 'another text', hint }], cause)
  }
}
