import { securityHeaders } from './respond.ts'

/**
 * A request as the routes see it that are answered without the app: in either of the two ways in which it gets to
 * them, from Node or through the app.
 */
export interface Question {
  /** One header by its name in lower-case letters; what was sent more than once is joined by `, `. */
  header(name: string): string | undefined
  headers(): Record<string, string>
  /** The body. @throws {Problem} It is too large, not UTF-8, or broke off. */
  text(): Promise<string>
  /** Who asks, as one client of many. */
  client: string
}

/** What is answered in one piece. */
export interface Answer {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
}

export function answerJson(value: unknown, status = 200, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { ...securityHeaders, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  }
}
