import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { placeOf } from '../../../../../runtime/backup/restore/place.ts'

const sources = [
  { name: 'root', roots: [{ at: '/', below: '' }] },
  { name: 'var', roots: [{ at: '/var', below: '' }] },
  {
    name: 'mail',
    roots: [
      { at: '/var/mail', below: '' },
      { at: '/srv/bound', below: 'old/ann' },
    ],
  },
  { name: 'www', roots: [] },
]

const place = (word: string) => {
  const { source, path } = placeOf(Buffer.from(word, 'latin1'), sources)
  return `${source}:${path.toString('latin1')}`
}

describe('placeOf()', () => {
  test.each([
    ['var', 'var:'],
    ['var:', 'var:'],
    ['var:mail/ann', 'var:mail/ann'],
    ['var:/mail//ann/./', 'var:mail/ann'],
    ['www:a:b', 'www:a:b'],
    ['/var', 'var:'],
    ['/var/', 'var:'],
    ['/variety', 'root:variety'],
    ['/var/mailbox', 'var:mailbox'],
    ['/var/mail/ann', 'mail:ann'],
    ['/srv/bound/x', 'mail:old/ann/x'],
    ['/srv/bound', 'mail:old/ann'],
    ['/', 'root:'],
    ['var:a\xff\nb', 'var:a\xff\nb'],
    ['/var/log/\xe9', 'var:log/\xe9'],
  ])('%j is %j', (word, meant) => {
    expect(place(word)).toBe(meant)
  })

  test.each([
    ['vra:x', 'there is no source "vra"'],
    ['mail/ann', 'there is no source "mail/ann"'],
    ['', 'there is no source ""'],
    ['var:../etc', 'goes up with ..'],
    ['/var/../etc', 'goes up with ..'],
  ])('refuses %j', (word, message) => {
    expect(() => place(word)).toThrow(message)
  })

  test('refuses a path of several sources, and one of none', () => {
    const twice = [
      { name: 'near', roots: [{ at: '/srv', below: '' }] },
      { name: 'far', roots: [{ at: '/srv', below: '' }] },
    ]
    expect(() => placeOf(Buffer.from('/srv/x'), twice)).toThrow(
      expect.objectContaining({
        message: '/srv/x is in several sources',
        hint: 'write near:x or far:x',
      }),
    )
    expect(() => placeOf(Buffer.from('/etc'), twice)).toThrow('/etc is in no source')
  })

  test('never goes up, and gives back every name as it was', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .filter((bytes) => !bytes.includes(0) && !bytes.includes(47))
      .map((bytes) => Buffer.from(bytes).toString('latin1'))
      .filter((one) => !['.', '..'].includes(one))
    fc.assert(
      fc.property(fc.array(name, { minLength: 1 }), (names) => {
        expect(place(`var:${names.join('/')}`)).toBe(`var:${names.join('/')}`)
        expect(place(`/var/x/${names.join('//')}/`)).toBe(`var:x/${names.join('/')}`)
        expect(() => place(`var:${['..', ...names].join('/')}`)).toThrow('goes up')
      }),
    )
  })
})
