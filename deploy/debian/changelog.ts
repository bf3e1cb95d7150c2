import { maintainer } from './control.ts'

/**
 * Debian's changelog of this version, from the sections of CHANGELOG.md.
 * @param epoch When it was made, in seconds.
 * @see deb-changelog(5)
 */
export function debianChangelog(changes: string, version: string, epoch: number): string {
  const heading = changes.includes(`## [${version}]`) ? `## [${version}]` : '## Unreleased'
  const [section = ''] = changes.split(`${heading}`).slice(1)
  const [own = ''] = section.split(/^## /m)
  const items = own
    .split(/^- /m)
    .slice(1)
    .map((item) =>
      item
        .replace(/\n### .*/s, '')
        .replace(/\s+/g, ' ')
        .replaceAll('`', '')
        .trim(),
    )
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')
  return `hdsync (${version}) unstable; urgency=medium\n\n${items.map(item).join('')}\n -- ${maintainer}  ${date}\n`
}

function item(text: string): string {
  return `${wrap(`  * ${text}`, '    ', 78)}\n`
}

/** Breaks a line at spaces. @param indent Before every line but the first. */
export function wrap(text: string, indent: string, width: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/(?<=\S) +/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent + word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}
