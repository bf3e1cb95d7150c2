import { type Commands, json, type Making } from './making.ts'

/** The commands of a fleet: hosts that tell a hub how their backups stand. */
export function fleetCommands({ command, io, done, program }: Making): Commands {
  return {
    fleet() {
      const fleet = program
        .command('fleet')
        .description('many servers, one view: hosts that tell a hub how their backups stand')
        .addHelpText('after', '\nExample:\n  hdsync fleet status')
      command(
        'init',
        'on the hub: make its keys, certificates, and the config of its NATS server',
        'hdsync fleet init',
        fleet,
      )
        .option(
          '--store <dir>',
          'where the NATS server keeps its data; unless given where it is, at first /var/lib/hdsync-broker',
        )
        .option(
          '--at <server>',
          'which of three `fleet.servers` is on this machine, where their names do not tell',
        )
        .option('--standby', 'a further hub, to which hub/ was copied, without a NATS server beside it')
        .option(...json)
        .action(async (options) =>
          done((await import('../commands/fleet-init.ts')).fleetInitCommand(options, io)),
        )
      command(
        'enroll <host>',
        'on the hub: put a host on the list, and print the code by which it joins, once',
        'hdsync fleet enroll web1',
        fleet,
      )
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/fleet.ts')).fleetEnrollCommand(host, options, io)),
        )
      command(
        'join <code>',
        'on a host: join the fleet by a code of the hub; - reads it from standard input, out of sight of other users',
        'hdsync fleet join -',
        fleet,
      )
        .option(...json)
        .action(async (code, options) =>
          done((await import('../commands/fleet-host.ts')).fleetJoinCommand(code, options, io)),
        )
      command(
        'revoke <host>',
        'on the hub: take all rights of a host; what it has told stays',
        'hdsync fleet revoke web1',
        fleet,
      )
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/fleet.ts')).fleetRevokeCommand(host, options, io)),
        )
      command(
        'status [host]',
        'on the hub: how every host stands, the worst first, or one with its nights; on a host: what waits for the hub',
        'hdsync fleet status\n  hdsync fleet status web1\n  hdsync fleet status --label web --json',
        fleet,
      )
        .option('--label <label>', 'only hosts with this label')
        .option(...json)
        .action(async (host, options) =>
          done((await import('../commands/fleet-status.ts')).fleetStatusCommand(host, options, io)),
        )
      command(
        'run [hosts...]',
        'on the hub: have hosts make a backup, or something else, where their config permits it; those that are off do it later',
        'hdsync fleet run web1\n  hdsync fleet run --label web --verify\n  hdsync fleet run --label web --server vault1 --at-most 8\n  hdsync fleet run web1 --release home',
        fleet,
      )
        .option('--label <label>', 'all hosts with this label')
        .option('--all', 'all hosts')
        .option('--server <name>', 'only hosts whose runs wait for slots of this backup server')
        .option('--at-most <n>', 'so many of them at once at most, which the hub holds by slots')
        .option('--verify', 'verify backups, as `hdsync verify` does')
        .option('--drill', 'prove by a restore that backups are good, as `hdsync drill` does')
        .option('--copy', 'copy archives to other places, as `hdsync copy` does')
        .option('--release <source>', 'release what is held of a source, as `hdsync release` does')
        .option(
          '--within <duration>',
          'how long a host that is off may take to come back; 1d unless given, 7d at most',
        )
        .option('--patience <duration>', 'how long to wait for the answer of a host; 30s unless given')
        .option('--no-wait', 'do not follow it')
        .option(...json)
        .action(async (hosts, options) =>
          done((await import('../commands/fleet-run.ts')).fleetRunCommand(hosts, options, io)),
        )
      command(
        'config [hosts...]',
        'on the hub: set something in the config of hosts, which take what makes them safer, or say what is set; on a host: what its hub has set',
        'hdsync fleet config --label web --set alert.after=24h --set maxDelete=20%\n  hdsync fleet config web1 --unset maxDelete\n  hdsync fleet config',
        fleet,
      )
        .option('--label <label>', 'all hosts with this label')
        .option('--all', 'all hosts')
        .option(
          '--set <key=value>',
          'set a key, besides what is set: maxDelete (of all sources), sources.NAME.maxDelete, keep, alert.after, verify.every, drill.every, archive.daily, archive.keep.weekly and the like',
          (one: string, all: string[]) => [...all, one],
          [],
        )
        .option(
          '--unset <key>',
          'set a key no more: it is as the host says',
          (one: string, all: string[]) => [...all, one],
          [],
        )
        .option('--clear', 'set nothing any more')
        .option('--within <duration>', 'how long a host that is off may take to come back; 7d unless given')
        .option('--patience <duration>', 'how long to wait for the answer of a host; 30s unless given')
        .option('--no-wait', 'do not follow it')
        .option(...json)
        .action(async (hosts, options) =>
          done((await import('../commands/fleet-config.ts')).fleetConfigCommand(hosts, options, io)),
        )
      command(
        'cancel [hosts...]',
        'on the hub: end what hosts were asked for: what waits is not sent any more, a run is cancelled there',
        'hdsync fleet cancel web1\n  hdsync fleet cancel --all',
        fleet,
      )
        .option('--label <label>', 'of all hosts with this label')
        .option('--all', 'of all hosts')
        .option(...json)
        .action(async (hosts, options) =>
          done((await import('../commands/fleet-run.ts')).fleetCancelCommand(hosts, options, io)),
        )
      command(
        'pause [server]',
        'on the hub: grant no more slots of a backup server, or of any, and send no commands to its hosts; what goes on goes on',
        'hdsync fleet pause vault1\n  hdsync fleet pause --label web\n  hdsync fleet pause',
        fleet,
      )
        .option('--label <label>', 'for the hosts with this label')
        .option(...json)
        .action(async (server, options) =>
          done((await import('../commands/fleet-pause.ts')).fleetPauseCommand(server, options, io)),
        )
      command(
        'resume [server]',
        'on the hub: take back a pause; without a name, every one',
        'hdsync fleet resume vault1\n  hdsync fleet resume',
        fleet,
      )
        .option('--label <label>', 'for the hosts with this label')
        .option(...json)
        .action(async (server, options) =>
          done((await import('../commands/fleet-pause.ts')).fleetResumeCommand(server, options, io)),
        )
      command(
        'send',
        'on a host: send what the hub has not confirmed, as each run does at its end',
        'hdsync fleet send --within 1m',
        fleet,
      )
        .option('--within <duration>', 'wait for the hub for so long at most; 30s unless given')
        .option(...json)
        .action(async (options) =>
          done((await import('../commands/fleet-host.ts')).fleetSendCommand(options, io)),
        )
    },
  }
}
