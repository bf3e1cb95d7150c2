import type { Answer } from './exchange.ts'

/** Set on every answer: it is data for the one who asked, to be kept by nobody, and run by no browser. */
export const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export type Headers = Readonly<Record<string, string>>

/** Every answer of the app is made here. Its headers are given when it is made: to add them later costs as much as the rest. */
export function respond(
  body: string | ReadableStream | null,
  status: number,
  headers: Headers = {},
): Response {
  return new Response(body, { status, headers: { ...securityHeaders, ...headers } })
}

/** Hands on what a route has answered that the app only stands before. */
export function respondWith({ body, status, headers }: Answer): Response {
  return new Response(body, { status, headers })
}

export function respondJson(value: unknown, status = 200, headers: Headers = {}): Response {
  return respond(JSON.stringify(value), status, { 'content-type': 'application/json', ...headers })
}
