/** The line of the kernel's that tells what is wrong, among those that only tell what it was doing. */
export function tellingLine(lines: readonly string[]): string | undefined {
  return (
    lines.find((line) => /read-?only|unable|cannot|unavailable|fail|error|corrupt|bad /i.test(line)) ??
    lines.at(-1)
  )
}
