import { Webhook } from 'standardwebhooks'
import type { ProblemName } from '../../../../runtime/http/problem.ts'
import { type Service, structured, webhookSecret } from './service.ts'

/** A request, and how it has to be refused. */
export interface Refusal {
  title: string
  status: number
  problem: ProblemName
  path?: string
  init?: RequestInit | ((service: Service) => RequestInit)
  /** What has to be in the detail. */
  says?: string
  /** What to try, as it has to be told. */
  hint?: string
}

const json = (body: string, headers: object = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/cloudevents+json', ...headers },
  body,
})

const binary = (headers: object, body = '{}'): RequestInit => ({
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': 'a1',
    'ce-source': '/test',
    'ce-type': 'backup.start',
    ...headers,
  },
  body,
})

const batch = (events: object[]): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/cloudevents-batch+json' },
  body: JSON.stringify(events),
})

const event = { specversion: '1.0', id: 'a1', source: '/test', type: 'backup.start', data: {} }

interface Call {
  body?: string
  /** The body that is signed, if it is another one. */
  signed?: string
  at?: Date
  id?: string
}

/** A call of a webhook, signed by `secret`. */
function call(
  secret: string,
  { body = '{}', signed, at = new Date(), id = 'msg_1' }: Call = {},
): RequestInit {
  const signature = new Webhook(secret).sign(id, at, signed ?? body)
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
  return { method: 'POST', headers, body }
}

const minutes = (count: number) => new Date(Date.now() + count * 60_000)
const otherSecret = `whsec_${Buffer.alloc(32, 8).toString('base64')}`
const chunks = (bytes: number) =>
  ReadableStream.from(Array.from({ length: bytes / 1024 }, () => new Uint8Array(1024).fill(32)))

export const refusals: Refusal[] = [
  {
    title: 'no token',
    status: 401,
    problem: 'unauthorized',
    path: '/runs',
    init: { headers: { authorization: '' } },
  },
  {
    title: 'a wrong token',
    status: 401,
    problem: 'unauthorized',
    path: '/runs',
    init: { headers: { authorization: 'Bearer 0123456789abcdef' } },
  },
  {
    title: 'another scheme than Bearer',
    status: 401,
    problem: 'unauthorized',
    path: '/runs',
    init: { headers: { authorization: 'Basic aGQ6c3luYw==' } },
  },
  {
    title: 'no token for the metrics',
    status: 401,
    problem: 'unauthorized',
    path: '/metrics',
    init: { headers: { authorization: '' } },
  },
  {
    title: 'a forged signature',
    status: 401,
    problem: 'bad-signature',
    path: '/webhooks/deploy',
    init: () => call(otherSecret),
  },
  {
    title: 'another body than the one that was signed',
    status: 401,
    problem: 'bad-signature',
    path: '/webhooks/deploy',
    init: () => call(webhookSecret, { body: '{"a":2}', signed: '{"a":1}' }),
  },
  {
    title: 'a call that is six minutes old',
    status: 401,
    problem: 'bad-signature',
    path: '/webhooks/deploy',
    init: () => call(webhookSecret, { at: minutes(-6) }),
    says: 'too old',
  },
  {
    title: 'a call that is six minutes ahead',
    status: 401,
    problem: 'bad-signature',
    path: '/webhooks/deploy',
    init: () => call(webhookSecret, { at: minutes(6) }),
    says: 'too new',
  },
  {
    title: 'a webhook without a signature',
    status: 401,
    problem: 'bad-signature',
    path: '/webhooks/deploy',
    init: json('{}'),
  },
  {
    title: 'an id of a call that is too long',
    status: 400,
    problem: 'invalid-event',
    path: '/webhooks/deploy',
    init: () => call(webhookSecret, { id: 'x'.repeat(257) }),
  },
  {
    title: 'an unknown webhook',
    status: 404,
    problem: 'unknown-webhook',
    path: '/webhooks/nix',
    init: () => call(webhookSecret),
  },
  {
    title: 'a webhook named as something that every object has',
    status: 404,
    problem: 'unknown-webhook',
    path: '/webhooks/constructor',
    init: () => call(webhookSecret),
  },
  {
    title: 'a body that says that it is too large',
    status: 413,
    problem: 'body-too-large',
    init: json(' '.repeat(65_537), { 'content-length': '65537' }),
  },
  {
    title: 'a body that comes in pieces and is too large',
    status: 413,
    problem: 'body-too-large',
    init: { ...json(''), body: chunks(66 * 1024), duplex: 'half' } as RequestInit,
  },
  { title: 'bad JSON', status: 400, problem: 'malformed-body', init: json('{"specversion": ') },
  {
    title: 'bytes that are not UTF-8',
    status: 400,
    problem: 'malformed-body',
    init: { ...json(''), body: new Uint8Array([0x22, 0xff, 0x22]) },
  },
  {
    title: 'bad JSON as the data of a binary event',
    status: 400,
    problem: 'malformed-body',
    init: binary({}, '{'),
  },
  { title: 'no body', status: 400, problem: 'malformed-body', init: json('') },
  { title: 'JSON that is no event', status: 400, problem: 'invalid-event', init: json('[]') },
  {
    title: 'an event without an id',
    status: 400,
    problem: 'invalid-event',
    init: structured({ id: undefined }),
    says: '/id',
  },
  {
    title: 'an event of another version',
    status: 400,
    problem: 'invalid-event',
    init: structured({ specversion: '0.3' }),
  },
  {
    title: 'a source of control characters',
    status: 400,
    problem: 'invalid-event',
    init: structured({ source: 'a\nb' }),
  },
  {
    title: 'a time that is none',
    status: 400,
    problem: 'invalid-event',
    init: structured({ time: 'yesterday' }),
    says: '/time',
  },
  ...[
    '9999-12-31T23:59:59-00:01',
    '0000-01-01T00:00:00+00:01',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+00:01',
  ].map(
    (time): Refusal => ({
      title: `the time ${time}, which nobody can mean`,
      status: 400,
      problem: 'invalid-event',
      init: structured({ time }),
      says: '/time: an instant from 1970 to 9999 in UTC',
    }),
  ),
  ...(['id', 'source', 'subject'] as const).map(
    (name): Refusal => ({
      title: `half a character in its ${name}`,
      status: 400,
      problem: 'invalid-event',
      init: structured({ [name]: 'a\ud800b' }),
      says: `/${name}`,
    }),
  ),
  ...['/hdsync', '/hdsync/web1', '/hdsync/web1/cli', '/hdsync/webhooks/deploy'].map(
    (source): Refusal => ({
      title: `the source ${source}, which is ours`,
      status: 400,
      problem: 'invalid-event',
      init: structured({ source }),
      says: '/source: sources below /hdsync/',
    }),
  ),
  {
    title: 'a batch of which one source is ours',
    status: 400,
    problem: 'invalid-event',
    init: batch([event, { ...event, id: 'a2', source: '/hdsync/web1' }]),
    says: '/1/source',
  },
  {
    title: 'data of another kind than JSON',
    status: 400,
    problem: 'invalid-event',
    init: structured({ datacontenttype: 'text/xml' }),
  },
  {
    title: 'a binary event without a type',
    status: 400,
    problem: 'invalid-event',
    init: binary({ 'ce-type': '' }),
  },
  {
    title: 'a wrong content type',
    status: 415,
    problem: 'wrong-content-type',
    init: json('a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
  },
  {
    title: 'plain JSON without ce-* headers',
    status: 415,
    problem: 'wrong-content-type',
    init: json('{}', { 'content-type': 'application/json' }),
  },
  {
    title: 'a binary event with text as its data',
    status: 415,
    problem: 'wrong-content-type',
    init: binary({ 'content-type': 'text/plain' }),
  },
  {
    title: 'an event in XML',
    status: 415,
    problem: 'wrong-content-type',
    init: json('<a/>', { 'content-type': 'application/cloudevents+xml' }),
  },
  {
    title: 'an unknown type',
    status: 422,
    problem: 'unknown-event-type',
    init: structured({ type: 'backup.stop' }),
    says: '/type: there is no event "backup.stop"',
    hint: 'did you mean `backup.start`?',
  },
  {
    title: 'a type that every object has',
    status: 422,
    problem: 'unknown-event-type',
    init: structured({ type: 'constructor' }),
  },
  {
    title: 'a type that is not to be triggered',
    status: 403,
    problem: 'not-triggerable',
    init: structured({ type: 'run.succeeded' }),
  },
  {
    title: 'data that does not fit',
    status: 422,
    problem: 'invalid-data',
    init: structured({ data: { sources: 'home' } }),
    says: '/data/sources',
  },
  {
    title: 'data with an unknown key',
    status: 422,
    problem: 'invalid-data',
    init: structured({ data: { force: true } }),
  },
  {
    title: 'a source that is not in the config',
    status: 422,
    problem: 'invalid-data',
    init: structured({ data: { sources: ['hone'] } }),
    says: '/data/sources: there is no source "hone"',
    hint: 'did you mean `home`?',
  },
  { title: 'a batch that is no list', status: 400, problem: 'invalid-event', init: batch(event as never) },
  {
    title: 'a batch that is too long',
    status: 413,
    problem: 'batch-too-long',
    init: batch(Array.from({ length: 101 }, (_, n) => ({ ...event, id: String(n) }))),
  },
  {
    title: 'a batch with a member that is no event',
    status: 400,
    problem: 'invalid-event',
    init: batch([event, { id: 'a2' }]),
    says: '/1/',
  },
  {
    title: 'a batch with a member whose data does not fit',
    status: 422,
    problem: 'invalid-data',
    init: batch([event, { ...event, id: 'a2', data: { sources: [] } }]),
    says: '/1/data/sources',
  },
  {
    title: 'a wrong Host',
    status: 421,
    problem: 'wrong-host',
    path: '/runs',
    init: { headers: { host: 'evil.example' } },
  },
  {
    title: 'a Host that begins as ours',
    status: 421,
    problem: 'wrong-host',
    path: '/runs',
    init: { headers: { host: 'localhost.evil.example:7227' } },
  },
  {
    title: 'a health check under a wrong Host',
    status: 421,
    problem: 'wrong-host',
    path: '/healthz',
    init: { headers: { host: 'evil.example' } },
  },
  {
    title: 'a request that a page of another site makes',
    status: 403,
    problem: 'cross-site',
    path: '/runs/last/cancel',
    init: { method: 'POST', headers: { origin: 'https://evil.example' } },
  },
  {
    title: 'a request that a browser marks as made for another site',
    status: 403,
    problem: 'cross-site',
    path: '/runs',
    init: { headers: { 'sec-fetch-site': 'cross-site' } },
  },
  {
    title: 'a wrong method',
    status: 405,
    problem: 'wrong-method',
    init: { method: 'PUT', body: '{}' },
    says: 'POST',
  },
  {
    title: 'what CORS asks before a request',
    status: 405,
    problem: 'wrong-method',
    init: { method: 'OPTIONS' },
  },
  { title: 'an unknown path', status: 404, problem: 'unknown-path', path: '/backups' },
  { title: 'a path that leads out', status: 404, problem: 'unknown-path', path: '/runs/../../etc/passwd' },
  { title: 'an unknown run', status: 404, problem: 'unknown-run', path: '/runs/nix' },
  { title: 'the stream of an unknown run', status: 404, problem: 'unknown-run', path: '/runs/nix/stream' },
  {
    title: 'an unknown run to cancel',
    status: 404,
    problem: 'unknown-run',
    path: '/runs/nix/cancel',
    init: { method: 'POST' },
  },
  {
    title: 'a bad limit',
    status: 400,
    problem: 'invalid-parameter',
    path: '/runs?limit=many',
    says: '1 to 1000',
  },
  { title: 'a limit of none', status: 400, problem: 'invalid-parameter', path: '/runs?limit=0' },
  {
    title: 'an unknown state',
    status: 400,
    problem: 'invalid-parameter',
    path: '/runs?state=good',
    says: 'succeeded',
  },
  {
    title: 'an unknown dead letter',
    status: 404,
    problem: 'unknown-dead-letter',
    path: '/dead/7/redrive',
    init: { method: 'POST' },
  },
  {
    title: 'a dead letter that is no number',
    status: 404,
    problem: 'unknown-dead-letter',
    path: '/dead/all/redrive',
    init: { method: 'POST' },
  },
]
