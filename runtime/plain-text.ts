/** Text of somebody else on one line, without anything that a terminal would obey. */
export function plainText(text: string): string {
  return text.replaceAll(/\p{C}+/gu, ' ').trim()
}
