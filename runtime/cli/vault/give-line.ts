import { readFileSync } from 'node:fs'
import type { Pull } from '../../config/vault.ts'
import { destinationOf } from '../../host/copies/vault/ssh.ts'
import { keyLine, parseKey } from '../../host/vault/authorized-keys.ts'

/** Where the package has it, on the host. */
const program = '/usr/bin/hdsync'

/** The line by which a host lets the vault fetch finished archives, and do nothing else. `KEY` stands for a key that is not there yet. */
export function giveLine({ keyFile }: Pick<Pull, 'keyFile'>): string {
  return keyLine([program, 'give'], publicKeyOf(keyFile) ?? 'KEY')
}

function publicKeyOf(keyFile: string): string | undefined {
  try {
    const { key, comment } = parseKey(readFileSync(`${keyFile}.pub`, 'utf8'))
    return `${key}${comment && ` ${comment}`}`
  } catch {
    return undefined
  }
}

/** What is left to be done for the vault to fetch from a host. */
export function giveText(host: string, pull: Pull): string {
  const hasKey = publicKeyOf(pull.keyFile) !== undefined
  const make = hasKey ? '' : `next: ssh-keygen -t ed25519 -N '' -f ${pull.keyFile}, and this command again\n`
  return `${make}the line for ~${pull.user}/.ssh/authorized_keys on ${host} (${destinationOf(pull)}); behind \`give\`, sources can be named:

${giveLine(pull)}

next: hdsync vault trust ${host}
      hdsync vault pull ${host}
`
}
