import { hostname } from 'node:os'
import { createTransport, type NodemailerError, type SendMailOptions } from 'nodemailer'
import type { Envelope } from '../../../events/index.ts'
import type { NotifyHook } from '../../config/notify.ts'
import { readSecret } from '../../config/secret.ts'
import { RetryableError, TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { noticeOf } from './notice.ts'

type EmailHook = Extract<NotifyHook, { kind: 'email' }>

/**
 * Mails an event as plain text, by SMTP or by the sendmail program of this machine. `Message-ID` follows from the
 * event, so that a mail which comes twice is known as one.
 * @throws {RetryableError} It was not taken.
 * @throws {TerminalError} The server will never take it: the sender or every recipient is refused.
 */
export async function sendEmail(
  hook: EmailHook,
  event: Envelope,
  { signal, runner }: { signal: AbortSignal; runner: CommandRunner },
): Promise<string> {
  const from = hook.from ?? `hdsync@${hostname()}`
  const { title, text } = noticeOf(event)
  const mail: SendMailOptions = {
    from: { name: 'hdsync', address: from },
    to: hook.to,
    subject: title,
    text: `${text}\n`,
    messageId: `<${event.id}.${hook.fingerprint}@${from.split('@')[1]}>`,
    date: new Date(event.time),
    // So that nobody's holiday message answers it. @see RFC 3834
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Hdsync-Event': event.type },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
  return hook.smtp
    ? sendBySmtp(mail, { ...hook.smtp, timeoutMs: hook.timeoutMs }, signal)
    : sendBySendmail(mail, { ...hook, from }, runner)
}

async function sendBySmtp(
  mail: SendMailOptions,
  {
    host,
    port,
    security,
    user,
    passwordFile,
    timeoutMs,
  }: NonNullable<EmailHook['smtp']> & { timeoutMs: number },
  signal: AbortSignal,
): Promise<string> {
  const auth = user && passwordFile ? { user, pass: await readSecret(passwordFile) } : undefined
  const timeUp = AbortSignal.timeout(timeoutMs)
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(auth && { auth }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  })
  try {
    const sent = await transport.sendMail({ ...mail, signal: AbortSignal.any([signal, timeUp]) })
    const late = sent.rejectedErrors?.find(({ responseCode = 0 }) => responseCode < 500)
    // All get it again then, under the same Message-ID.
    if (late) throw new RetryableError(`${host}:${port} did not take the mail for everybody: ${late.message}`)
    const refused = sent.rejected.length > 0 ? `, but not for ${sent.rejected.join(', ')}` : ''
    return `${host}:${port} took the mail${refused}: ${sent.response}`
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof RetryableError) throw error
    const { code, responseCode = 0, message } = error as NodemailerError
    // The transport's own timers have the same length: either of them may be the first.
    if (timeUp.aborted || code === 'ETIMEDOUT')
      throw new RetryableError(`${host}:${port} did not take the mail in ${timeoutMs / 1000} s`)
    const refusedForGood = responseCode >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE')
    const Failure = refusedForGood ? TerminalError : RetryableError
    throw new Failure(`${host}:${port} did not take the mail: ${message}`, { cause: error })
  }
}

async function sendBySendmail(
  mail: SendMailOptions,
  { sendmail = '', to, from, timeoutMs }: EmailHook & { from: string },
  runner: CommandRunner,
): Promise<string> {
  const { message } = await createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'unix',
  }).sendMail(mail)
  // -i: a line with a single dot does not end the mail.
  const argv = [sendmail, '-i', '-f', from, '--', ...to] as const
  await runner.run({ argv: [...argv], timeoutMs, input: message.toString(), env: { HDSYNC_OWNER: '' } })
  return `${sendmail} took the mail`
}
