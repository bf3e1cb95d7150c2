import { describe, expect, test } from 'vitest'
import { HdsyncError } from '../../../../../../runtime/errors.ts'
import { destinationOf, sshWords, vaultText } from '../../../../../../runtime/host/copies/vault/ssh.ts'
import { isUnreachable, sshFailure } from '../../../../../../runtime/host/copies/vault/ssh-errors.ts'

const vault = {
  ...{ user: 'backup', host: 'vault.example.org', port: 2222 },
  ...{ keyFile: '/etc/hdsync/vault.key', knownHosts: '/etc/hdsync/known_hosts' },
}
const failure = (stderr: string, exitCode = 255) =>
  sshFailure({ stderr, exitCode, timedOut: false, signal: undefined }, vault, 'offsite')

describe('what ssh and rsync say is told in words', () => {
  test.each([
    [
      'No ED25519 host key is known for vault\nHost key verification failed.',
      255,
      /host key .* is not known/,
    ],
    [
      '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @',
      255,
      /host key .* has changed: nothing was sent/,
    ],
    ['backup@vault: Permission denied (publickey).', 255, /does not let \/etc\/hdsync\/vault.key in/],
    ['Load key "/etc/hdsync/vault.key": bad permissions\nPermission denied', 255, /others can read/],
    ['sh: 1: rsync: not found\nrsync error: remote command not found (code 127)', 127, /rsync: not found/],
    ['hdsync: the quota of web1 is used up\nrsync error: error in rsync (code 12)', 12, /refuses: the quota/],
    ['hdsync: \u001b[2Jgone\nrsync: connection unexpectedly closed', 12, /refuses: \S? ?\[2Jgone$/],
  ])('%j', (stderr, exitCode, expected) => {
    const error = failure(stderr, exitCode)
    expect(error.message).toMatch(expected)
    expect(isUnreachable(error)).toBe(false)
  })

  test.each([
    ['ssh: connect to host vault port 2222: Connection refused', 255],
    ['ssh: connect to host vault port 2222: Connection timed out', 255],
    ['ssh: Could not resolve hostname vault: Name or service not known', 255],
    ['client_loop: send disconnect: Broken pipe\nrsync error: unexplained error (code 255)', 255],
    ['rsync: [sender] io timeout after 600 seconds\nrsync error: timeout (code 30) at io.c(204)', 30],
    ['rsync: connection unexpectedly closed (0 bytes received so far) [sender]\nrsync error: code 12', 12],
  ])('%j is a vault that is not there', (stderr, exitCode) => {
    expect(isUnreachable(failure(stderr, exitCode))).toBe(true)
  })

  test('the next command to type is named', () => {
    const error = failure('Host key verification failed.')
    expect(error).toBeInstanceOf(HdsyncError)
    expect(error.hint).toBe('hdsync copies trust offsite')
  })
})

test('ssh asks nothing, and knows one key and one file of hosts', () => {
  const words = sshWords(vault)
  expect(words.join(' ')).toMatch(/^ssh -T -p 2222 -i \/etc\/hdsync\/vault.key /)
  for (const option of ['StrictHostKeyChecking=yes', 'BatchMode=yes', 'IdentitiesOnly=yes'])
    expect(words).toContain(option)
  // rsync splits them at blanks.
  expect(words.filter((word) => /[\s'"]/.test(word))).toEqual([])
  expect(destinationOf({ user: 'backup', host: '[::1]' })).toBe('backup@::1')
  expect(vaultText(vault)).toBe('backup@vault.example.org:2222')
})
