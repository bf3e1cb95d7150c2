import { nkeys } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { newNkey, nkeyFromSeed } from '../../../../../runtime/host/fleet/nkey.ts'

test('an nkey is one of NATS: its library reads the seed, has the same public key, and accepts what it signs', () => {
  for (let n = 0; n < 5; n++) {
    const key = newNkey()
    const theirs = nkeys.fromSeed(Buffer.from(key.seed))
    expect(theirs.getPublicKey()).toBe(key.publicKey)
    expect(theirs.verify(Buffer.from('nonce'), Buffer.from(key.sign('nonce'), 'base64url'))).toBe(true)
  }
})

test('nkeyFromSeed() reads what NATS has made, and refuses what is none', () => {
  const theirs = nkeys.createUser()
  const seed = Buffer.from(theirs.getSeed()).toString()
  expect(nkeyFromSeed(seed)).toMatchObject({ seed, publicKey: theirs.getPublicKey() })
  const mistyped = `${seed.slice(0, 10)}${seed[10] === 'A' ? 'B' : 'A'}${seed.slice(11)}`
  for (const text of [
    '',
    'SU',
    mistyped,
    theirs.getPublicKey(),
    Buffer.from(nkeys.createAccount().getSeed()).toString(),
  ])
    expect(() => nkeyFromSeed(text)).toThrow('no seed of a NATS user')
})
