import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Config } from '../../config/config.ts'
import { ConfigError } from '../../config/problem.ts'
import { refuseExposed } from '../../config/trust.ts'
import { counted } from '../../count.ts'

/** `http.tls` of the config: files in PEM, the certificate with those that vouch for it below it. */
export type TlsSettings = NonNullable<NonNullable<Config['http']>['tls']>

/** A certificate and the key that fits it. */
export interface Certificate {
  cert: Buffer
  key: Buffer
  /** When it expires, in ms since 1970. */
  endsAt: number
}

/** A chain of certificates is a few KiB. */
const longestBytes = 256 * 1024
const dayMs = 86_400_000
/** Renewals come weeks before that. */
const soonMs = 7 * dayMs

/**
 * Reads a certificate and its key. That it has expired is no error: a reader can still choose to go on.
 * @throws {ConfigError} A file is missing or is not what it should be, others can read the key, or it is that of another certificate.
 */
export function readCertificate({ certFile, keyFile }: TlsSettings): Certificate {
  const cert = readPem(certFile, 'certFile', 'a certificate')
  const key = readPem(keyFile, 'keyFile', 'a private key', refuseExposed)
  const certificate = parsed(() => new X509Certificate(cert), certFile, 'certFile', 'a certificate in PEM')
  const privateKey = parsed(
    () => createPrivateKey(key),
    keyFile,
    'keyFile',
    'a private key in PEM, without a passphrase',
  )
  if (!certificate.checkPrivateKey(privateKey)) {
    throw problem(keyFile, 'keyFile', `the key of the certificate in ${certFile}`, 'that of another')
  }
  parsed(() => createSecureContext({ cert, key }), certFile, 'certFile', 'a certificate that TLS can use')
  return { cert, key, endsAt: Date.parse(certificate.validTo) }
}

/** What is to be said of when a certificate expires; undefined while that is far off. */
export function expiryText({ endsAt }: Pick<Certificate, 'endsAt'>, now: number): string | undefined {
  const leftMs = endsAt - now
  if (leftMs >= soonMs) return undefined
  const day = new Date(endsAt).toISOString().slice(0, 10)
  if (leftMs <= 0) return `has expired on ${day}`
  const days = Math.floor(leftMs / dayMs)
  return `expires on ${day}, ${days === 0 ? 'within a day' : `in ${counted(days, 'day')}`}`
}

type Key = keyof TlsSettings

function readPem(
  file: string,
  key: Key,
  what: string,
  refuse?: (file: string, key: string, stats: Stats) => void,
): Buffer {
  const expected = `a file with ${what}`
  const stats = looked(() => statSync(file), file, key, expected)
  if (!stats.isFile()) throw problem(file, key, expected, stats.isDirectory() ? 'a folder' : 'something else')
  if (stats.size > longestBytes) throw problem(file, key, `at most ${longestBytes} bytes`, String(stats.size))
  refuse?.(file, `http.tls.${key}`, stats)
  return looked(() => readFileSync(file), file, key, expected)
}

function looked<T>(look: () => T, file: string, key: Key, expected: string): T {
  try {
    return look()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw problem(file, key, expected, code === 'ENOENT' ? 'none' : message, error)
  }
}

function parsed<T>(parse: () => T, file: string, key: Key, expected: string): T {
  try {
    return parse()
  } catch (error) {
    throw problem(file, key, expected, `something else (${(error as Error).message})`, error)
  }
}

function problem(file: string, key: Key, expected: string, found: string, cause?: unknown): ConfigError {
  return new ConfigError([{ file, key: `http.tls.${key}`, expected, found, hint: undefined }], cause)
}
