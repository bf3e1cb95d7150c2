import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

// The keys by which a NATS server knows its users: Ed25519, in the letters that NATS has for them. By node:crypto, as the library's own
// signature takes 16 ms of JavaScript.

/** A key of a user of the NATS server. */
export interface Nkey {
  /** `U…`: what the server knows it by. */
  publicKey: string
  /** `SU…`: the secret. */
  seed: string
  /** @returns The signature, in base64url. */
  sign(nonce: string): string
}

const userPrefix = 20 << 3
const seedPrefix = 18 << 3
/** What stands before the 32 bytes of an Ed25519 key in PKCS #8. */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const keyBytes = 32

export function newNkey(): Nkey {
  const { privateKey } = generateKeyPairSync('ed25519')
  return nkeyOf(privateKey, privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-keyBytes))
}

/** @throws {Error} The text is no seed of a user. */
export function nkeyFromSeed(seed: string): Nkey {
  const bytes = fromBase32(seed)
  const body = bytes.subarray(0, -2)
  const isSeed =
    body.length === keyBytes + 2 &&
    body[0] === (seedPrefix | (userPrefix >> 5)) &&
    body[1] === (userPrefix & 31) << 3
  if (!isSeed || bytes.readUInt16LE(body.length) !== crc16(body))
    throw new Error('no seed of a NATS user (SU…)')
  const raw = body.subarray(2)
  return nkeyOf(createPrivateKey({ key: Buffer.concat([pkcs8, raw]), format: 'der', type: 'pkcs8' }), raw)
}

function nkeyOf(privateKey: KeyObject, raw: Buffer): Nkey {
  const open = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-keyBytes)
  return {
    publicKey: checked(Buffer.concat([Buffer.of(userPrefix), open])),
    seed: checked(Buffer.concat([Buffer.of(seedPrefix | (userPrefix >> 5), (userPrefix & 31) << 3), raw])),
    sign: (nonce) => sign(null, Buffer.from(nonce), privateKey).toString('base64url'),
  }
}

/** In letters, with a check sum. */
function checked(body: Buffer): string {
  const sum = Buffer.alloc(2)
  sum.writeUInt16LE(crc16(body))
  return toBase32(Buffer.concat([body, sum]))
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** As RFC 4648 has it, without padding. */
function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => letters[Number.parseInt(five.padEnd(5, '0'), 2)])
    .join('')
}

function fromBase32(text: string): Buffer {
  const bits = [...text]
    .map((letter) => Math.max(0, letters.indexOf(letter)).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)))
}

/** CRC-16 of XMODEM. */
function crc16(bytes: Buffer): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}
