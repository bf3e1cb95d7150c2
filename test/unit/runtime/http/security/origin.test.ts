import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { checkSameSite, hostCheck } from '../../../../../runtime/http/security/origin.ts'

describe('hostCheck()', () => {
  const check = hostCheck(['Backup.example.org'])

  test.each([
    'localhost',
    'LOCALHOST:7227',
    '127.0.0.1:7227',
    '192.0.2.7',
    '[::1]:7227',
    `${hostname()}:7227`,
    'backup.example.org',
    'backup.example.org:443',
  ])('takes %s', (host) => {
    expect(() => check(host)).not.toThrow()
  })

  test.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'example.org',
    'localhost:7227:1',
    '127.0.0.1@evil.example',
  ])('refuses %s', (host) => {
    expect(() => check(host)).toThrow('is no name of this box')
  })
})

describe('checkSameSite()', () => {
  const check = (origin: string | undefined, site: string | undefined) =>
    checkSameSite((name) => ({ host: 'localhost:7227', origin, 'sec-fetch-site': site })[name])

  test.each([
    ['no browser', undefined, undefined],
    ['a page of our own', 'http://localhost:7227', undefined],
    ['a page of our own, as the browser says', 'http://localhost:7227', 'same-origin'],
    ['an address that was typed in', undefined, 'none'],
  ])('takes a request of %s', (_, origin, site) => {
    expect(() => check(origin, site)).not.toThrow()
  })

  test.each([
    ['a page of another site', 'https://evil.example', undefined],
    ['a page at another port', 'http://localhost:8080', undefined],
    ['a page without an origin', 'null', undefined],
    ['another site, as the browser says', undefined, 'cross-site'],
    ['a neighbour, as the browser says', undefined, 'same-site'],
  ])('refuses a request of %s', (_, origin, site) => {
    expect(() => check(origin, site)).toThrow('this request was made by a page of')
  })
})
