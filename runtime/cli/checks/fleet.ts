import { DEFAULT_CONFIG_FILE } from '../../config/config-file.ts'
import { showUnit, unitState } from '../../host/systemd/unit.ts'
import type { Box } from './box.ts'
import { type Finding, ok, warning } from './finding.ts'

const about = 'fleet'
const unit = 'hdsync.service'
const boot = 'multi-user.target'

/** Whether the daemon is there to do what the hub asks for, where the config lets it. Only the daemon of the default config has a unit. */
export async function checkFleet({ config, systemd, runner }: Box): Promise<Finding[]> {
  const { fleet } = config
  if (!fleet || (fleet.role === 'host' && fleet.obeys.length === 0)) return []
  if (!systemd || config.file !== DEFAULT_CONFIG_FILE) return []
  const values = await showUnit(unit, runner, ['WantedBy'])
  if (!values) return []
  const lacks = unitState(values).active
    ? values.get('WantedBy')
      ? undefined
      : 'is not started at boot'
    : 'does not run'
  const why =
    fleet.role === 'hub' ? 'this is the hub of a fleet' : `the hub may ask for ${fleet.obeys.join(', ')}`
  if (lacks === undefined) return [ok('fleet.daemon', about, `${why}, and the daemon runs`)]
  const remedy = `systemctl add-wants ${boot} hdsync && systemctl restart hdsync`
  return [warning('fleet.no-daemon', about, `${why}, and ${unit} ${lacks}`, remedy)]
}
