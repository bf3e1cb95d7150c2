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
        .option(...json)
        .action(async (options) => done((await import('../commands/fleet.ts')).fleetInitCommand(options, io)))
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
        'status',
        'on the hub: how every host stands, the worst first; on a host: what waits for the hub',
        'hdsync fleet status\n  hdsync fleet status --label web --json',
        fleet,
      )
        .option('--label <label>', 'only hosts with this label')
        .option(...json)
        .action(async (options) =>
          done((await import('../commands/fleet-status.ts')).fleetStatusCommand(options, io)),
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
