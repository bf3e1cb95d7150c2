import { readFileSync } from 'node:fs'

/** The names of users and groups of a machine, by number; several names may share one. No passwords, no homes. */
export interface Accounts {
  users: Names
  groups: Names
}

/** In the order of the file that they stand in. */
export type Names = Map<number, string[]>

/** What this machine's own files name. Accounts of a directory service are not among them. @see passwd(5), group(5) */
export function accountsHere(): Accounts {
  return {
    users: namesIn(readFileSync('/etc/passwd', 'utf8')),
    groups: namesIn(readFileSync('/etc/group', 'utf8')),
  }
}

/** Reads lines such as `ann:x:1000:…`; those that are no account are passed over. */
export function namesIn(text: string): Names {
  const names: Names = new Map()
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':')
    if (name && isNumber(id)) add(names, Number(id), name)
  }
  return names
}

/** As it is recorded: `user:ann:1000`, `group:staff:50`, a line each. */
export function accountsText({ users, groups }: Accounts): string {
  return [...linesOf('user', users), ...linesOf('group', groups)].join('')
}

/** Reads what `accountsText` has written, among other lines. */
export function accountsFrom(text: string): Accounts {
  const accounts: Accounts = { users: new Map(), groups: new Map() }
  for (const line of text.split('\n')) {
    const [kind, name, id, ...more] = line.split(':')
    if (!name || !isNumber(id) || more.length > 0) continue
    if (kind === 'user') add(accounts.users, Number(id), name)
    if (kind === 'group') add(accounts.groups, Number(id), name)
  }
  return accounts
}

function linesOf(kind: string, names: Names): string[] {
  return [...names].flatMap(([id, all]) => all.map((name) => `${kind}:${name}:${id}\n`))
}

/** The greatest number stands for no owner. */
function isNumber(id: string | undefined): id is string {
  return id !== undefined && /^\d{1,10}$/.test(id) && Number(id) < 0xffff_ffff
}

function add(names: Names, id: number, name: string): void {
  const known = names.get(id)
  if (!known) names.set(id, [name])
  else if (!known.includes(name)) known.push(name)
}
