import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../build/bundle.ts'
import type { Licensed } from '../build/licences.ts'

/**
 * The terms of everything in the package, in Debian's machine-readable form.
 * @param nodeLicence Path of Node's licence file, which lists the libraries that are in it as well.
 * @see https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
 */
export function copyright(packages: readonly Licensed[], nodeLicence: string): string {
  const own = readFileSync(join(root, 'LICENSE'), 'utf8')
  const kinds = [...new Set(packages.map(({ licence }) => licence))].sort()
  const paragraphs = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: hdsync',
    `Files: *\nCopyright: ${holders(own).join('\n ')}\nLicense: Expat`,
    [
      'Files: usr/lib/hdsync/runtime/chunks/* usr/lib/hdsync/functions/* usr/lib/hdsync/node_modules/*',
      `Copyright: ${[...new Set([own, ...packages.map(({ text }) => text)].flatMap(holders))].join('\n ')}`,
      `License: ${['Expat', ...kinds.filter((kind) => kind !== 'MIT').map(debianName)].join(' and ')}`,
      `Comment: Code or types of these packages are in them, as /usr/share/doc/hdsync/LICENCES.txt has it in full:`,
      ...packages.map(({ name, version, licence }) => ` ${name} ${version} (${licence})`),
    ].join('\n'),
    [
      'Files: usr/lib/hdsync/node/*',
      'Copyright: Node.js contributors, and the authors of the libraries in it',
      `License: Node.js\n${indented(withoutApache(readFileSync(nodeLicence, 'utf8')))}`,
    ].join('\n'),
    ...[...new Set(['MIT', ...kinds])].map((kind) => {
      const text = kind === 'MIT' ? own : (packages.find(({ licence }) => licence === kind)?.text ?? '')
      return `License: ${debianName(kind)}\n${indented(kind === 'Apache-2.0' ? apache : terms(text))}`
    }),
  ]
  return `${paragraphs.join('\n\n')}\n`
}

const apache = `Licensed under the Apache License, Version 2.0.
On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.`

/** What Debian calls MIT. */
function debianName(licence: string): string {
  return licence === 'MIT' ? 'Expat' : licence
}

function holders(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(
      (line) => /^copyright( \(c\)| ©)? /i.test(line) && !/^copyright (notice|holder|owner)/i.test(line),
    )
    .map((line) => line.replace(/^copyright( \(c\)| ©)? /i, ''))
}

/** A licence without its title and whose it is. */
function terms(text: string): string {
  const paragraphs = text.split(/\n\s*\n/)
  return paragraphs.slice(paragraphs.findIndex((one) => /permission|redistribution/i.test(one))).join('\n\n')
}

/** The Apache License is on every Debian system; the copies of it in Node's file are named, not repeated. */
function withoutApache(text: string): string {
  return text.replace(
    /^([^\S\n]*(?:"""\n)?)[^\S\n]*Apache License\n[\s\S]*?END OF TERMS AND CONDITIONS\n/gm,
    (_, indent) => `${indent}(The Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0)\n`,
  )
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n')
}
