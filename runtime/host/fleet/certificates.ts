import { copyFileSync, existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { CommandRunner } from '../command/command.ts'
import { writeSynced } from '../write-synced.ts'
import type { HubFolder } from './hub-folder.ts'

const timeoutMs = 30_000
const caDays = 3650
const brokerDays = 1825
/** None of what the file of the machine adds. */
const plain = '[req]\ndistinguished_name = name\n[name]\n'
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/**
 * Makes the certificate authority of the fleet if there is none, by openssl(1), and a certificate of the NATS server for these names. Safe
 * to repeat: a new one for the server is vouched for by the same authority.
 */
export async function makeCertificates(
  folder: HubFolder,
  names: readonly string[],
  runner: CommandRunner,
): Promise<void> {
  const settings = join(folder.path, 'hub/openssl.cnf')
  writeSynced(settings, 'w', 0o600, Buffer.from(plain))
  const request = (words: readonly string[]) =>
    runner.run({
      argv: ['openssl', 'req', '-x509', '-config', settings, ...key, ...words],
      timeoutMs,
    })
  if (!existsSync(folder.caFile)) {
    const may = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'].flatMap(
      (one) => ['-addext', one],
    )
    const files = ['-keyout', folder.caKeyFile, '-out', folder.caFile]
    await request(['-days', `${caDays}`, '-subj', '/CN=hdsync fleet', ...may, ...files])
  }
  const alternatives = names.map((name) => `${isIP(name) ? 'IP' : 'DNS'}:${name}`).join(',')
  const may = [
    'basicConstraints=critical,CA:FALSE',
    // To the others of several servers it is a client.
    'extendedKeyUsage=serverAuth,clientAuth',
    `subjectAltName=${alternatives}`,
  ]
  const files = [
    '-keyout',
    join(folder.brokerFolder, 'broker.key'),
    '-out',
    join(folder.brokerFolder, 'broker.pem'),
  ]
  await request([
    ...[
      '-CA',
      folder.caFile,
      '-CAkey',
      folder.caKeyFile,
      '-days',
      `${brokerDays}`,
      '-subj',
      `/CN=${names[0]}`,
    ],
    ...may.flatMap((one) => ['-addext', one]),
    ...files,
  ])
  copyFileSync(folder.caFile, join(folder.brokerFolder, 'ca.pem'))
  for (const name of ['broker.key', 'broker.pem', 'ca.pem']) folder.open(name)
}
