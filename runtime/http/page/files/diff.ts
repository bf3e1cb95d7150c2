/** A line of a comparison: in both, or only in one of them. */
export interface DiffLine {
  sign: ' ' | '+' | '-'
  text: string
}

/** More lines than that are not compared: nobody reads them on a page. */
const mostLines = 3000

/**
 * How a text differs from an earlier one, line by line.
 * @returns undefined where they are too long.
 */
export function diffLines(before: string, after: string): DiffLine[] | undefined {
  const [old, now] = [before.split('\n'), after.split('\n')]
  let head = 0
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1
  let tail = 0
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail))
    tail += 1
  const [left, right] = [old.slice(head, old.length - tail), now.slice(head, now.length - tail)]
  if (left.length > mostLines || right.length > mostLines) return undefined
  const same = (texts: string[]) => texts.map((text): DiffLine => ({ sign: ' ', text }))
  return [...same(old.slice(0, head)), ...middle(left, right), ...same(now.slice(now.length - tail))]
}

/** By the longest common subsequence, whose table has a row for each line. */
function middle(left: readonly string[], right: readonly string[]): DiffLine[] {
  const width = right.length + 1
  const lengths = new Uint16Array((left.length + 1) * width)
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < left.length || j < right.length) {
    const [old, now] = [left[i], right[j]]
    if (old !== undefined && old === now) {
      lines.push({ sign: ' ', text: old })
      i += 1
      j += 1
    } else if (now === undefined || (old !== undefined && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: old ?? '' })
      i += 1
    } else {
      lines.push({ sign: '+', text: now })
      j += 1
    }
  }
  return lines
}

/** Lines with so many around them that are the same; a gap stands for the others. */
export function withContext(lines: readonly DiffLine[], around = 3): (DiffLine | undefined)[] {
  const isNear = (n: number) =>
    lines.slice(Math.max(0, n - around), n + around + 1).some(({ sign }) => sign !== ' ')
  const shown: (DiffLine | undefined)[] = []
  for (const [n, line] of lines.entries()) {
    if (isNear(n)) shown.push(line)
    else if (shown.length === 0 || shown.at(-1) !== undefined) shown.push(undefined)
  }
  return shown
}
