import type { Command } from 'commander'
import { type Commands, json, type Making } from './making.ts'

/** The commands about the page in a browser. */
export function pageCommands({ command, io, done }: Making): Commands {
  return {
    open() {
      command('open', 'print a link that lets you into the page, once and within five minutes', 'hdsync open')
        .option('--set-up [address]', 'where no port is configured, serve it at this one (127.0.0.1:7227)')
        .option(...json)
        .action(async (options) => done((await import('../commands/open.ts')).openCommand(options, io)))
    },
    sessions() {
      const sessions = command('sessions', 'list who is logged in to the page', 'hdsync sessions')
        .option(...json)
        .action(async (options) =>
          done((await import('../commands/sessions.ts')).sessionsCommand(options, io)),
        )
      command(
        'revoke [id]',
        'end a session of the page',
        'hdsync sessions revoke 3fa9c1d2e4b0\n  hdsync sessions revoke --all',
        sessions,
      )
        .option('--all', 'all there are')
        .option(...json)
        .action(async (id, _, self: Command) =>
          done((await import('../commands/sessions.ts')).revokeCommand(id, self.optsWithGlobals(), io)),
        )
    },
  }
}
