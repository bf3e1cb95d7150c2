import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RetryableError, TerminalError } from '../../../../../runtime/errors.ts'
import { type MailBehaviour, MailReceiver } from '../../../receivers/mail.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { hookOf, runEnded, secretFile, teller } from '../hook-bench.ts'

const failed = runEnded('failed')

function mailHook({ port }: { port: number }, smtp = 'security: none', common = '') {
  return hookOf(
    `email: { to: [ann@example.org, bob@example.org], from: backup@web1.example, smtp: { host: localhost, port: ${port}, ${smtp} } } ${common}`,
  )
}

const refusal = (hook: ReturnType<typeof hookOf>) =>
  teller()
    .tell(hook, failed)
    .then(
      () => expect.unreachable(),
      (error) => error,
    )

/** The lines of a mail's head, unfolded, and its decoded text. */
function parts(mail: string): { head: string; text: string } {
  const [head = '', body = ''] = mail.split(/\r?\n\r?\n([\s\S]*)/, 2)
  const bytes = body.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => `%${hex}`)
  const plain = /quoted-printable/i.test(head)
    ? decodeURIComponent(bytes.replace(/%(?![0-9A-F]{2})/g, '%25'))
    : body
  return { head: head.replace(/\r?\n[ \t]+/g, ' '), text: plain.replaceAll('\r', '') }
}

describe('a mail', () => {
  test('is plain text that is good to read', async () => {
    const server = await MailReceiver.start()
    const said = await teller().tell(mailHook(server), failed)
    expect(said).toContain(`localhost:${server.port} took the mail`)
    const [mail] = server.mails
    expect(mail).toMatchObject({ from: 'backup@web1.example', to: ['ann@example.org', 'bob@example.org'] })
    const { head, text } = parts(mail?.text ?? '')
    expect(head).toMatch(/^From: hdsync <backup@web1\.example>$/m)
    expect(head).toMatch(/^Subject: hdsync on web1: run failed: var$/m)
    expect(head).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m)
    expect(head).toMatch(/^Message-ID: <event-1\.[\w-]+@web1\.example>$/m)
    expect(head).toMatch(/^Auto-Submitted: auto-generated$/m)
    expect(text).toContain('  var   failed     sync.run: ‘rsync’ ended with exit code 23\n')
  })

  test('keeps its Message-ID when it comes again', async () => {
    const server = await MailReceiver.start()
    server.behaviours = ['accept and drop']
    expect(await refusal(mailHook(server))).toBeInstanceOf(RetryableError)
    await teller().tell(mailHook(server), failed)
    const ids = server.mails.map(({ text }) => /^Message-ID: (.*)$/m.exec(text)?.[1])
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
  })

  test.each<[MailBehaviour, typeof RetryableError | typeof TerminalError]>([
    ['drop', RetryableError],
    [{ code: 451, at: 'data' }, RetryableError],
    [{ code: 554, at: 'data' }, TerminalError],
    [{ code: 450, at: 'rcpt', only: 'bob@example.org' }, RetryableError],
    [{ code: 450, at: 'rcpt', only: 'ann@example.org' }, RetryableError],
  ])('to a server that behaves as %j is sent again unless that is of no use', async (behaviour, Failure) => {
    const server = await MailReceiver.start()
    server.behaviours = [behaviour]
    const error = await refusal(mailHook(server))
    expect(error).toBeInstanceOf(Failure)
    expect(error.message).toContain(`localhost:${server.port} did not take the mail`)
  })

  test('goes to those whom the server knows', async () => {
    const server = await MailReceiver.start()
    server.behaviours = [{ code: 550, at: 'rcpt', only: 'bob@example.org' }]
    const said = await teller().tell(mailHook(server), failed)
    expect(said).toContain('but not for bob@example.org')
    expect(server.mails).toMatchObject([{ to: ['ann@example.org'] }])
  })

  test('to a server that cannot be reached, or hangs, is sent again', async () => {
    expect(await refusal(mailHook({ port: 1 }))).toBeInstanceOf(RetryableError)
    const hangs = await MailReceiver.start({ onConnect: () => {} })
    const error = await refusal(mailHook(hangs, 'security: none', ', timeout: 1s'))
    expect(error).toBeInstanceOf(RetryableError)
    expect(error.message).toBe(`localhost:${hangs.port} did not take the mail in 1 s`)
  })
})

describe('a password', () => {
  const withPassword = (file: string) => `user: backup, passwordFile: ${file}`

  test('opens the server, and is not told when it is wrong', async () => {
    const server = await MailReceiver.start({ allowInsecureAuth: true })
    const good = secretFile('correct horse')
    await teller().tell(mailHook(server, `security: none, ${withPassword(good)}`), failed)
    expect(server.mails).toMatchObject([{ user: 'backup' }])
    const wrong = secretFile('battery staple')
    const error = await refusal(mailHook(server, `security: none, ${withPassword(wrong)}`))
    expect(error).toBeInstanceOf(RetryableError)
    expect(JSON.stringify([error.message, error.hint])).not.toContain('battery staple')
  })

  test('is sent encrypted alone, to a server that proves who it is', async (context) => {
    const certificate = selfSigned() ?? context.skip('there is no openssl')
    const server = await MailReceiver.start(certificate)
    const hook = mailHook(server, `security: starttls, ${withPassword(secretFile('correct horse'))}`)
    expect((await refusal(hook)).message).toMatch(/self.signed certificate/i)
    expect(server.mails).toEqual([])
    const before = tls.getCACertificates('default')
    onTestFinished(() => tls.setDefaultCACertificates(before))
    tls.setDefaultCACertificates([...before, certificate.cert])
    await teller().tell(hook, failed)
    expect(server.mails).toMatchObject([{ user: 'backup', secure: true }])
    const implicit = await MailReceiver.start({ ...certificate, secure: true })
    await teller().tell(mailHook(implicit, 'security: tls'), failed)
    expect(implicit.mails).toMatchObject([{ secure: true }])
  })

  test('is not sent to a server that offers no encryption', async () => {
    const server = await MailReceiver.start({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] })
    const hook = mailHook(server, `security: starttls, ${withPassword(secretFile('correct horse'))}`)
    expect(await refusal(hook)).toBeInstanceOf(RetryableError)
    expect(server.mails).toEqual([])
  })
})

describe('sendmail', () => {
  test('gets the mail on its standard input, and the recipients as arguments', async () => {
    const folder = temporaryFolder()
    const program = join(folder, 'sendmail')
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${folder}/argv\ncat > ${folder}/mail\n`, { mode: 0o755 })
    const hook = hookOf(
      `email: { to: root, from: backup@web1.example, sendmail: ${program} }`.replace(
        'root',
        'root@web1.example',
      ),
    )
    const { tell, recorded } = teller()
    expect(await tell(hook, failed)).toBe(`${program} took the mail`)
    expect(readFileSync(join(folder, 'argv'), 'utf8')).toBe(
      '-i -f backup@web1.example -- root@web1.example\n',
    )
    const { head, text } = parts(readFileSync(join(folder, 'mail'), 'utf8'))
    expect(head).toMatch(/^To: root@web1\.example$/m)
    expect(text).toContain('The backup of web1 failed.')
    expect(recorded).toHaveLength(1)
  })

  test('that fails is run again', async () => {
    const hook = hookOf('email: { to: root@web1.example, sendmail: /bin/false }')
    const error = await refusal(hook)
    expect(error).toBeInstanceOf(RetryableError)
    expect(error.message).toContain('/bin/false ended with exit code 1')
  })
})

/** A certificate for localhost that nobody vouches for. */
function selfSigned(): { key: string; cert: string } | undefined {
  const folder = temporaryFolder()
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  try {
    execFileSync('openssl', [...request, ...subject, '-days', '2', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
  } catch {
    return undefined
  }
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
