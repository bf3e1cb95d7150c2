import type { Machine } from '../lab/machine.ts'

/** A machine with systemd as process 1, which is booted more than once. */
export class SystemdMachine {
  #machine: Machine | undefined

  get machine(): Machine {
    if (!this.#machine) throw new Error('the machine has not been booted')
    return this.#machine
  }

  set machine(machine: Machine) {
    this.#machine = machine
  }

  /** Runs a script that has to succeed, each of its commands. Returns what it printed. */
  ok(script: string): Promise<string> {
    return this.machine.ok(`set -eu\n${script}`)
  }

  /** Waits until a command succeeds. @throws With what the journal said last, when it does not. */
  async until(condition: string, timeoutMs = 200_000): Promise<void> {
    const { code } = await this.machine.run(
      `for ((end = SECONDS + ${Math.ceil(timeoutMs / 1000)}; SECONDS < end;)); do
         { ${condition}; } >/dev/null 2>&1 && exit
         sleep 1
       done
       exit 1`,
      { timeoutMs: timeoutMs * 2 },
    )
    if (code !== 0) throw new Error(`not within ${timeoutMs} ms: ${condition}\n${await this.journal()}`)
  }

  /** The end of what the units of hdsync and systemd about them have said. */
  async journal(): Promise<string> {
    const { stdout } = await this.machine.run(
      "journalctl --no-pager --no-hostname -n 80 -u 'hdsync*'; systemctl list-units --all --no-pager --no-legend 'hdsync*'",
    )
    return stdout
  }

  /** Shuts it down in order. */
  async powerOff(): Promise<void> {
    await this.#machine?.powerOff()
  }

  async cutPower(): Promise<void> {
    await this.#machine?.cutPower()
  }
}
