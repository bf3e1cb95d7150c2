/** Text for man(7): what stands for itself there is kept from being a command, and `code` is bold. */
export function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/`([^`]+)`/g, '\\fB$1\\fR')
    .replace(/^([.'])/gm, '\\&$1')
}

export const bold = (text: string) => `\\fB${roff(text)}\\fR`
export const italic = (text: string) => `\\fI${roff(text)}\\fR`

export function heading(title: string): string {
  return `.SH ${title}\n`
}

export function paragraph(text: string): string {
  return `.PP\n${roff(text)}\n`
}

/** A term with its explanation below, further in. @param term In roff. @param body Each a paragraph. */
export function entry(term: string, ...body: string[]): string {
  const [first = '', ...others] = body.filter(Boolean)
  return `.TP\n${term}\n${roff(first)}\n${others.map((text) => `.IP\n${roff(text)}\n`).join('')}`
}

/** Lines as they are. */
export function example(text: string): string {
  return `.PP\n.RS 4\n.nf\n${roff(text.trimEnd().replaceAll('`', '\u0000')).replaceAll('\u0000', '\\`')}\n.fi\n.RE\n`
}

/** The title of a manual page. Without a date, as it changes with the version alone. */
export function title(name: string, section: number, version: string, manual: string): string {
  return `.TH ${name.toUpperCase()} ${section} "" "hdsync ${version}" "${manual}"\n`
}
