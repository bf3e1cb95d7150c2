import { copyFileSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { natsServer, unit } from '../fleet/nats-server.ts'
import { describeServer } from './story.ts'

// A hub whose daemon runs in its sandbox, beside a NATS server by Debian's unit; a host of it on the same machine.

const nats = await natsServer()
const folder = 'program' in nats ? dirname(nats.program) : '/usr/sbin'
const unitFile = [join(folder, unit), `/usr/lib/systemd/system/${unit}`].find((file) => existsSync(file))

const host = `sources:
  home: { path: /srv/home, target: disk }
targets:
  disk: { path: /mnt/backup/web1 }
state: /root/web1/state
functions: /root/web1/functions
fleet:
  role: host
  servers: ["tls://127.0.0.1:4222"]
  credentialsFile: /root/web1/credentials
  caFile: /root/web1/ca.pem
`

if ('program' in nats && unitFile !== undefined)
  describeServer('a hub under systemd', (server) => {
    const status = () => server.ok('hdsync fleet status --json || true')
    const asHost = (words: string) => server.ok(`HDSYNC_CONFIG=/root/web1/hdsync.yaml hdsync ${words}`)

    beforeAll(async () => {
      const files = [nats.program, unitFile, '/usr/bin/openssl']
      for (const [index, name] of ['nats-server', unit, 'openssl'].entries())
        copyFileSync(files[index] ?? '', join(server.machine.dir, name))
      await server.ok(`dpkg -i /root/hdsync.deb
        install -m 755 /run/lab/nats-server /usr/sbin/; install -m 755 /run/lab/openssl /usr/bin/
        install -m 644 /run/lab/${unit} /etc/systemd/system/
        groupadd -r nats; useradd -r -g nats nats
        mkdir -p -m 700 /root/web1/functions /mnt/backup/web1
        cat > /root/web1/hdsync.yaml <<'E'
${host}E
        chmod 600 /root/web1/hdsync.yaml
        (umask 077; echo 'fleet: { role: hub, servers: ["tls://127.0.0.1:4222"] }' > /etc/hdsync/hdsync.yaml)
        hdsync fleet init
        install -D -m 644 /etc/hdsync/fleet/broker/nats-server.service.conf /etc/systemd/system/nats-server.service.d/hdsync.conf
        systemctl daemon-reload && systemctl enable -q nats-server && systemctl restart nats-server
        systemctl add-wants multi-user.target hdsync && systemctl restart hdsync`)
    })

    it('lets a host in, hears of its backup, and comes back after a boot', async () => {
      const code = await server.ok('hdsync fleet enroll web1')
      await asHost(`fleet join ${code}`)
      await asHost('target adopt --all')
      await asHost('run')
      await asHost('fleet send --within 2m')
      expect(JSON.parse(await status())).toMatchObject([{ host: 'web1', sources: [{ source: 'home' }] }])
      await server.powerOff()
      await server.boot()
      for (const name of ['nats-server', 'hdsync']) await server.until(`systemctl is-active ${name}`)
      await asHost('run')
      await asHost('fleet send --within 2m')
    })

    it('cuts a host off whose rights are taken: the daemon may have the server read its users anew', async () => {
      await server.ok('hdsync fleet revoke web1')
      await asHost('run')
      await server.ok('! HDSYNC_CONFIG=/root/web1/hdsync.yaml hdsync fleet send --within 10s')
    })
  })
else it.skip(`a hub under systemd: ${'why' in nats ? nats.why : `no ${unit}`}`, () => {})
