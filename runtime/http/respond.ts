/** Set on every answer: it is for the client alone, no cache keeps it, no browser runs it. */
const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export type Headers = Readonly<Record<string, string>>

/** Makes every response of the app. */
export function respond(
  body: string | ReadableStream | null,
  status: number,
  headers: Headers = {},
): Response {
  return new Response(body, { status, headers: { ...securityHeaders, ...headers } })
}

/** Server-sent events. A proxy that gathers an answer would hold them back. */
export function respondEvents(stream: ReadableStream): Response {
  return respond(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
}

export function respondJson(value: unknown, status = 200, headers: Headers = {}): Response {
  return respond(JSON.stringify(value), status, { 'content-type': 'application/json', ...headers })
}
