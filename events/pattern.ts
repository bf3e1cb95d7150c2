/**
 * Whether a pattern of `notify[].on` means an event type. `*` stands for any text, dots too.
 * @example matchesEvent('run.*', 'run.failed') // true
 */
export function matchesEvent(pattern: string, type: string): boolean {
  const parts = pattern.split('*').map((part) => RegExp.escape(part))
  return new RegExp(`^${parts.join('.*')}$`).test(type)
}
