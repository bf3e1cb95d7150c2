import { lookup } from 'node:dns/promises'
import { accessSync, constants, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { type Envelope, hookDisabled, readStored } from '../../../events/index.ts'
import { hookLabel, type NotifyHook } from '../../config/notify.ts'
import { ConfigError } from '../../config/problem.ts'
import { readSecret } from '../../config/secret.ts'
import { isPrivateAddress } from '../../host/notify/addresses.ts'
import type { Box } from './box.ts'
import { error, type Finding, ok, refused, warning } from './finding.ts'

type Kind<K extends NotifyHook['kind']> = Extract<NotifyHook, { kind: K }>

/** How long a name server may take. */
const lookUpMs = 5000

/**
 * Whether everybody who is told of a run can be: nobody would hear of it that they cannot. Nothing is sent.
 * @param disabledBy The event that disabled a hook, by its fingerprint.
 */
export async function checkHooks(
  { config: { notify }, root }: Pick<Box, 'config' | 'root'>,
  disabledBy: (fingerprint: string) => Envelope | undefined = () => undefined,
): Promise<Finding[]> {
  const findings = await Promise.all(
    notify.map(async (hook, index) => {
      const about = hookLabel(hook, index)
      const problems = [
        ...disabled(about, disabledBy(hook.fingerprint)),
        ...(await problemsOf(hook, about, root)),
      ]
      return problems.length > 0 ? problems : [ok('notify.ok', about, targetOf(hook))]
    }),
  )
  return findings.flat()
}

async function problemsOf(hook: NotifyHook, about: string, root: boolean): Promise<Finding[]> {
  switch (hook.kind) {
    case 'exec':
      return [...program(hook.argv[0], about, 'exec'), ...(root ? ownedByOthers(hook.argv[0], about) : [])]
    case 'webhook':
      return [
        ...(await address(hook, about)),
        ...(await webhookSecret(hook, about)),
        ...inTheClear(hook, about),
      ]
    case 'healthchecks':
      return address(hook, about)
    case 'ntfy':
      return [...(await address(hook, about)), ...(await secret(hook.tokenFile, about))]
    case 'email':
      return mail(hook, about)
  }
}

/** What a hook is told through, without what is secret of it. */
function targetOf(hook: NotifyHook): string {
  if (hook.kind === 'exec') return hook.argv[0]
  if (hook.kind !== 'email') return `${hook.kind} at ${new URL(hook.url).host}`
  const way = hook.smtp ? `${hook.smtp.host}:${hook.smtp.port}` : hook.sendmail
  return `mail to ${hook.to.join(', ')} by ${way}`
}

function disabled(about: string, event: Envelope | undefined): Finding[] {
  if (!event) return []
  const { reason = 'it said so' } = readStored(hookDisabled, event.data).data ?? {}
  const remedy = 'correct it in the config; any change, such as another `name`, lets it be used again'
  return [warning('notify.disabled', about, `it is disabled since ${event.time}: ${reason}`, remedy)]
}

function program(path: string, about: string, key: string): Finding[] {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats?.isFile()) {
    const remedy = key === 'exec' ? 'write it, or correct `exec`' : `install it, or correct \`${key}\``
    return [error('notify.missing', about, `there is no program ${path}`, remedy)]
  }
  try {
    accessSync(path, constants.X_OK)
    return []
  } catch {
    return [error('notify.not-executable', about, `${path} is not executable`, `chmod +x ${path}`)]
  }
}

/** What is run as root, and can be written by others. */
function ownedByOthers(path: string, about: string): Finding[] {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats?.isFile() || (stats.uid === 0 && (stats.mode & 0o022) === 0)) return []
  const finding = `${path} is run as root, and can be written by others`
  return [warning('notify.writable', about, finding, `chown root ${path} && chmod go-w ${path}`)]
}

async function mail({ smtp, sendmail = '' }: Kind<'email'>, about: string): Promise<Finding[]> {
  if (!smtp) return program(sendmail, about, 'sendmail')
  const { addresses, problems } = await resolved(smtp.host, about)
  const exposed = smtp.security === 'none' && smtp.user !== undefined && !addresses.every(isPrivateAddress)
  const clear = warning(
    'notify.clear-text',
    about,
    `the password for ${smtp.host} crosses the internet unencrypted`,
    'say `security: starttls` or `security: tls`',
  )
  return [...problems, ...(await secret(smtp.passwordFile, about)), ...(exposed ? [clear] : [])]
}

async function secret(file: string | undefined, about: string): Promise<Finding[]> {
  if (file === undefined) return []
  try {
    await readSecret(file)
    return []
  } catch (thrown) {
    return [ofSecret(thrown, about)]
  }
}

async function webhookSecret({ secretFile }: Kind<'webhook'>, about: string): Promise<Finding[]> {
  try {
    await (await import('../../host/notify/webhook.ts')).readWebhookKeys(secretFile)
    return []
  } catch (thrown) {
    return [ofSecret(thrown, about)]
  }
}

function ofSecret(thrown: unknown, about: string): Finding {
  if (!(thrown instanceof ConfigError)) return refused('notify.secret', about, thrown)
  const [problem] = thrown.problems
  const finding = `${problem?.file}: expected ${problem?.expected}, found ${problem?.found}`
  return { id: 'notify.secret', severity: 'error', about, finding, remedy: problem?.hint ?? null }
}

async function address({ url, allowPrivate }: { url: string; allowPrivate: boolean }, about: string) {
  const { hostname } = new URL(url)
  const { addresses, problems } = await resolved(hostname.replace(/^\[(.*)\]$/, '$1'), about)
  if (allowPrivate || addresses.length === 0 || !addresses.every(isPrivateAddress)) return problems
  const where = addresses.includes(hostname) ? hostname : `${hostname} (${addresses.join(', ')})`
  const finding = `${where} is not an address of the internet: nothing will be sent`
  return [error('notify.private', about, finding, 'if it is the right one, say `allowPrivate: true`')]
}

async function resolved(host: string, about: string): Promise<{ addresses: string[]; problems: Finding[] }> {
  if (isIP(host)) return { addresses: [host], problems: [] }
  const late = AbortSignal.timeout(lookUpMs)
  const tooLate = new Promise<never>((_, reject) =>
    late.addEventListener('abort', () => reject(new Error('no name server answers'))),
  )
  try {
    const found = await Promise.race([lookup(host, { all: true }), tooLate])
    return { addresses: found.map(({ address }) => address), problems: [] }
  } catch (thrown) {
    const finding = `the name ${host} cannot be looked up: ${(thrown as Error).message}`
    const remedy = 'correct it in the config, or see to the name server'
    return { addresses: [], problems: [warning('notify.unknown-host', about, finding, remedy)] }
  }
}

function inTheClear({ url, allowPrivate }: Kind<'webhook'>, about: string): Finding[] {
  if (allowPrivate || url.startsWith('https:')) return []
  const finding = 'events cross the internet unencrypted'
  return [warning('notify.clear-text', about, finding, 'write https:// instead of http://')]
}
