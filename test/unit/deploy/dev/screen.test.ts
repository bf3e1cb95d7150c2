import { expect, test } from 'vitest'
import { firstRun, screenAfter } from '../../../../deploy/dev/screen.ts'

test('screenAfter() has what was painted last, in its colours', () => {
  const painted = [
    '\u001b[?25l\u001b[36m⠋\u001b[39m \u001b[1mvar\u001b[22m  copies\r\nhome  waits\r\n',
    '\u001b[2K\u001b[1A\u001b[2K\u001b[1A\u001b[2K\u001b[G\u001b[32m✔\u001b[39m var  done\u001b[K\r\nhome  done\r\n',
  ]
  expect(screenAfter(painted.join(''))).toEqual(['\u001b[32m✔\u001b[0m var  done', 'home  done', ''])
})

test('firstRun() has the command and what it printed', () => {
  const lines = ['── a machine boots', '# hdsync run', '✔ var', 'run succeeded', '', '# hdsync run', 'again']
  expect(firstRun(lines)).toEqual(['# hdsync run', '✔ var', 'run succeeded'])
})
