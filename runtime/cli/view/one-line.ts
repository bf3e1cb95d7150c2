import { createLogUpdate } from 'log-update'
import { plainText } from '../../plain-text.ts'
import type { Progress } from '../../progress.ts'
import { progressOf } from './live.ts'

/** One line that is drawn anew as things happen, for a person at a terminal. */
export function oneLine(stream: NodeJS.WriteStream) {
  const draw = createLogUpdate(stream)
  return {
    show(name: string, words: string, progress?: Progress) {
      const text = plainText(`${name}  ${progress ? progressOf(words, progress) : words}`)
      draw(text.slice(0, (stream.columns ?? 80) - 1))
    },
    note: (message: string) => draw.persist(message),
    clear: () => draw.clear(),
    end() {
      draw.clear()
      draw.done()
    },
  }
}
