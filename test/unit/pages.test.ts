import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { createProgram } from '../../runtime/cli/program.ts'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', ...globSync('deploy/docs/*.md', { cwd: root })]
const textOf = (page: string) => readFileSync(join(root, page), 'utf8')

/** What a link may lead to in a page, as GitHub names it: its headings, and what it names itself. */
function anchors(page: string): string[] {
  const text = textOf(page).replace(/^```.*?^```$/gms, '')
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]
}

/** The links of a page to files and anchors of this repository. */
function links(page: string): string[] {
  const text = textOf(page).replace(/^```.*?^```$/gms, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
}

/** Whether a link leads to a file, and to an anchor in it if it names one. */
function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const file = path ? relative(root, join(root, dirname(page), path)) : page
  if (!existsSync(join(root, file)) || !statSync(join(root, file)).isFile()) return false
  return anchor === undefined || anchors(file).includes(anchor)
}

test('README is read to its end: it has at most 180 lines', () => {
  expect(textOf('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(180)
})

test.each(pages)('%s has links that lead somewhere', (page) => {
  expect(links(page).filter((link) => !leadsSomewhere(page, link))).toEqual([])
})

test('README leads to every page', () => {
  const known = links('README.md').map((link) => link.split('#')[0])
  expect(pages.slice(1).filter((page) => !known.includes(page))).toEqual([])
})

test('README links to pages, to the changelog and to itself alone: what the package knows to rewrite', () => {
  const known = /^(?:#|deploy\/docs\/[a-z]+\.(?:md|svg|png)(?:#|$)|CHANGELOG\.md$)/
  expect(links('README.md').filter((link) => !known.test(link))).toEqual([])
})

test('pages link to each other and to the examples alone: these lie beside them on a server too', () => {
  const elsewhere = pages
    .slice(1)
    .flatMap((page) => links(page))
    .filter((link) => !/^(?:#|[a-z]+\.(?:md|svg|png)(?:#|$)|\.\.\/examples\/)/.test(link))
  expect(elsewhere).toEqual([])
})

test('what internals.md names of the source is there', () => {
  const named = [
    ...textOf('deploy/docs/internals.md').matchAll(/`((?:events|functions|runtime|deploy|test)\/[^`]*)`/g),
  ]
  expect(named.length).toBeGreaterThan(15)
  expect(named.map(([, path = '']) => path).filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('a link to a part that README once had leads somewhere still', () => {
  const once =
    `try-it from-nothing-to-the-first-good-backup install-on-a-server first-contact the-config commands
    over-http what-has-not-changed how-to-restore how-it-protects-you what-torture-has-shown notifications
    a-function-of-your-own locking-a-database-while-its-snapshot-is-taken measured license`.split(/\s+/)
  expect(once.filter((anchor) => !anchors('README.md').includes(anchor))).toEqual([])
})

test('the terms of README are among the words', () => {
  const words = textOf('deploy/docs/words.md')
  const terms = ['degraded', 'suspect', 'held', 'adopted', 'dead letter']
  expect(terms.filter((term) => !words.includes(`\n| ${term} |`))).toEqual([])
})

test('--help says where the pages are', () => {
  let help = ''
  const stdout = (text: string) => {
    help += text
  }
  createProgram('1', { stdout, stderr() {}, colour: false, env: {} }, () => {}).outputHelp()
  expect(help).toContain('/usr/share/doc/hdsync/docs (deploy/docs in the source)')
})
