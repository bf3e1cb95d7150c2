import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'

// The key by which a hub signs what it asks its hosts for. It is no key of the NATS server, which has its users sign what it likes; the
// server has no part of it.

/** Nothing else that is signed begins so. */
const purpose = 'A command in a fleet of hdsync\n'

/** The secret half of a new one, in PEM. */
export function newCommandKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** The public half of a key, in PEM: hosts get it with the certificate that vouches for the server. */
export function publicHalf(key: string): string {
  return createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString()
}

/** @param key The secret half, in PEM. @returns The signature, in base64url. */
export function signCommand(text: string, key: string): string {
  return signed(purpose + text, key)
}

/** What one hub tells another, which has the same key: only under this subject. */
const betweenHubs = (subject: string) => `Between the hubs of a fleet of hdsync: ${subject}\n`

/** @param key The secret half, in PEM. @returns The signature, in base64url. */
export function signShared(subject: string, text: string, key: string): string {
  return signed(betweenHubs(subject) + text, key)
}

/** Whether a hub has signed what stands under a subject. @param key The secret half, in PEM. */
export function isSharedSigned(subject: string, text: string, signature: string, key: string): boolean {
  return verifies(betweenHubs(subject) + text, signature, publicHalf(key))
}

function signed(text: string, key: string): string {
  return sign(null, Buffer.from(text), createPrivateKey(key)).toString('base64url')
}

function verifies(text: string, signature: string, key: string): boolean {
  return verify(null, Buffer.from(text), createPublicKey(key), Buffer.from(signature, 'base64url'))
}

const block = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/

/** The public key of the hub, beside its certificate. @returns undefined in what an hdsync has written that knew of none. */
export function hubKeyIn(ca: string): string | undefined {
  return block.exec(ca)?.[0]
}

/** Whether the hub has signed a text. @param key Its public key, in PEM. */
export function isSigned(text: string, signature: string, key: string): boolean {
  return verifies(purpose + text, signature, key)
}
