import {
  askSubject,
  commandSubject,
  eventStream,
  joinedSubject,
  joinSubject,
  readySubject,
  receiptSubject,
  slotAskSubject,
  slotSubject,
} from '../../fleet-protocol.ts'

// The config of the NATS server of a fleet. What a user may do stands here, and nowhere else.

/** A user of the server: a public key, and what it may publish and hear. */
interface BrokerUser {
  nkey: string
  permissions: { publish: Rights; subscribe: Rights }
}

/** Without a subject in `allow`, everything would be allowed. */
interface Rights {
  allow: string[]
  deny?: string[]
}

export interface BrokerSettings {
  /** Where it listens: an address and port. */
  listen: string
  /** Folder of its data. */
  store: string
  /** Where it is one of several. */
  cluster?: BrokerCluster
}

/** What a server of several goes by. */
export interface BrokerCluster {
  /** Its name, which no other one has. */
  name: string
  listen: string
  /** How the servers reach each other, itself among them. */
  routes: readonly string[]
}

/** Which process it is stands in this file, in the folder of its data. */
export const pidFile = 'nats.pid'

/**
 * `nats.conf`. Paths are relative to its folder. Messages go onto the disk once in a second, not each by itself, which costs a busy disk
 * minutes for those of a thousand hosts: nobody relies on what the server says of them, and hosts send again what the hub has not confirmed.
 * @see https://docs.nats.io/running-a-nats-service/configuration
 */
export function brokerText({ listen, store, cluster }: BrokerSettings, folder: string): string {
  return `# Written by \`hdsync fleet init\`. The users are in users.conf, which hdsync writes anew for each host.
server_name: ${JSON.stringify(cluster?.name ?? 'hdsync-fleet')}
listen: ${JSON.stringify(listen)}
pid_file: ${JSON.stringify(`${store}/${pidFile}`)}
max_payload: 1MB
tls {
  cert_file: ${JSON.stringify(`${folder}/broker.pem`)}
  key_file: ${JSON.stringify(`${folder}/broker.key`)}
  handshake_first: true
  timeout: 15
}
jetstream {
  store_dir: ${JSON.stringify(store)}
  sync_interval: 1s
}
${cluster ? clusterText(cluster, folder) : ''}include ./users.conf
`
}

/** Servers let each other in by certificates of the fleet's authority, which hosts have none of. */
function clusterText({ listen, routes }: BrokerCluster, folder: string): string {
  return `cluster {
  name: hdsync-fleet
  listen: ${JSON.stringify(listen)}
  no_advertise: true
  routes: ${JSON.stringify(routes)}
  tls {
    cert_file: ${JSON.stringify(`${folder}/broker.pem`)}
    key_file: ${JSON.stringify(`${folder}/broker.key`)}
    ca_file: ${JSON.stringify(`${folder}/ca.pem`)}
    verify: true
    timeout: 15
  }
}
`
}

/** What Debian's unit is told to do otherwise: \`systemctl edit\`, as a file. */
export function unitText(folder: string): string {
  return `# Written by \`hdsync fleet init\`: Debian's nats-server with the config of the fleet.
[Service]
ExecStart=
ExecStart=/usr/sbin/nats-server -c ${folder}/nats.conf
ExecStop=
StateDirectory=hdsync-broker
StateDirectoryMode=0700
TimeoutStopSec=30
`
}

/** `users.conf`. @param hub The public key of the hub. */
export function usersText(hub: string, users: readonly BrokerUser[]): string {
  const all = [hubUser(hub), ...users].map((user) => `    ${JSON.stringify(user)}`)
  return `# Written by hdsync.\nauthorization {\n  timeout: 15\n  users: [\n${all.join('\n')}\n  ]\n}\n`
}

/** The hub reads the stream and answers. Nothing of what hosts have told can be removed, not even by it. */
function hubUser(nkey: string): BrokerUser {
  const removes = ['PURGE', 'DELETE', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE'].map(
    (verb) => `$JS.API.STREAM.${verb}.>`,
  )
  return {
    nkey,
    permissions: {
      publish: {
        allow: ['$JS.API.>', 'receipt.*', 'joined.*', commandSubject('*'), slotSubject('*'), 'hubs.>'],
        deny: removes,
      },
      subscribe: {
        allow: ['_INBOX.hub.>', 'hub.have.*', 'hub.join.*', readySubject('*'), slotAskSubject('*')],
      },
    },
  }
}

/** A host tells what is its own, asks how far the hub has come and for a slot, and hears that and what the hub asks for. */
export function hostUser(host: string, nkey: string): BrokerUser {
  return {
    nkey,
    permissions: {
      publish: { allow: [`ev.${host}.>`, askSubject(host), readySubject(host), slotAskSubject(host)] },
      subscribe: { allow: [receiptSubject(host), commandSubject(host), slotSubject(host)] },
    },
  }
}

/** A new host hands in its key. */
export function joiningUser(host: string, nkey: string): BrokerUser {
  return {
    nkey,
    permissions: {
      publish: { allow: [joinSubject(host)] },
      subscribe: { allow: [joinedSubject(host)] },
    },
  }
}

const dayNs = 86_400 * 1e9

/** On so many of the fleet's servers a stream lies: on one, or, where one of three may be away, on three. */
export function replicasOn(servers: readonly string[]): number {
  return servers.length < 3 ? 1 : 3
}

/**
 * The stream of what hosts tell. Nothing can be taken out of it before its time: not by whoever has the hub's key, nor by a request whose
 * answer somebody has addressed to the server itself. When it is full the oldest goes: hosts send again what the hub has not confirmed.
 */
export const eventStreamConfig = {
  name: eventStream,
  subjects: ['ev.>'],
  retention: 'limits',
  storage: 'file',
  discard: 'old',
  max_age: 14 * dayNs,
  max_bytes: 256 * 2 ** 20,
  max_msg_size: 1024 * 1024,
  deny_delete: true,
  deny_purge: true,
} as const
