import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { destinationOf, sshWords } from '../../../../../../runtime/host/copies/vault/ssh.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

test('no ssh_config of the machine lets in another host than the one that is known, or gives it anything', () => {
  const config = join(temporaryFolder(), 'config')
  writeFileSync(
    config,
    [
      'KnownHostsCommand /bin/echo %H',
      'VerifyHostKeyDNS yes',
      'NoHostAuthenticationForLocalhost yes',
      'StrictHostKeyChecking no',
      'ProxyCommand nc %h %p',
      'ForwardAgent yes',
      'ForwardX11 yes',
      'RemoteForward 2222 localhost:22',
      'Tunnel yes',
      'PermitLocalCommand yes',
      'LocalCommand echo %h',
      'RemoteCommand id',
      '',
    ].join('\n'),
  )
  const vault = { user: 'b', host: 'v.example.org', port: 22, keyFile: '/k', knownHosts: '/h' }
  const [, ...words] = sshWords(vault)
  const text = execFileSync('ssh', ['-G', '-F', config, ...words, destinationOf(vault)], { encoding: 'utf8' })
  const of = new Map(
    text.split('\n').map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1)]),
  )
  expect(of.get('knownhostscommand') ?? 'none').toBe('none')
  expect(of.get('verifyhostkeydns')).toBe('false')
  expect(of.get('nohostauthenticationforlocalhost')).toBe('no')
  expect(of.get('stricthostkeychecking')).toBe('true')
  expect(of.get('userknownhostsfile')).toBe('/h')
  expect(of.get('forwardagent')).toBe('no')
  expect(of.get('forwardx11')).toBe('no')
  expect(of.get('clearallforwardings')).toBe('yes')
  expect(of.get('tunnel')).toBe('false')
  expect(of.get('permitlocalcommand')).toBe('no')
  expect(of.get('remotecommand') ?? 'none').toBe('none')
  expect(of.get('proxycommand')).toBe('nc %h %p')
})
