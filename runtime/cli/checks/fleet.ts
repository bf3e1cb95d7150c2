import { anotherCertificate, certificateText } from '../../backup/fleet/certificate.ts'
import { goneHubs, goneText } from '../../backup/fleet/hubs/standing.ts'
import { DEFAULT_CONFIG_FILE } from '../../config/config-file.ts'
import { HubFolder } from '../../host/fleet/hub-folder.ts'
import { showUnit, unitState } from '../../host/systemd/unit.ts'
import { hubRole } from '../fleet/waiting.ts'
import type { Box } from './box.ts'
import { type Finding, ok, warning } from './finding.ts'

const about = 'fleet'
const unit = 'hdsync.service'
const boot = 'multi-user.target'

/** What the hub has set in the config that is in force, and whether the daemon is there for the fleet. */
export async function checkFleet(box: Box): Promise<Finding[]> {
  return [
    ...checkPushed(box.config),
    ...checkServer(box.config),
    ...checkHubs(box.config),
    ...(await checkDaemon(box)),
  ]
}

function checkPushed({ pushed }: Box['config']): Finding[] {
  const set = (pushed?.values ?? []).filter(({ isInForce }) => isInForce)
  if (set.length === 0) return []
  const words = set.map(({ key, pushed: value, own }) => `${key} ${value}, in place of ${own}`)
  return [ok('fleet.config', about, `the hub has set ${words.join('; ')}`)]
}

function checkServer({ fleet }: Box['config']): Finding[] {
  if (fleet?.role !== 'hub') return []
  const text = certificateText(new HubFolder(fleet.folder).certificateEndsAt, Date.now())
  return text === undefined ? [] : [warning('fleet.certificate', about, text, anotherCertificate)]
}

/** Whether the other hubs are there, as this one has seen them. */
function checkHubs({ fleet, state }: Box['config']): Finding[] {
  if (fleet?.role !== 'hub') return []
  return goneHubs(hubRole({ state })).map((one) =>
    warning('fleet.hub-gone', about, goneText(one), `on ${one.hub}: systemctl status hdsync`),
  )
}

/** Whether the daemon is there to do what the hub asks for, where the config lets it. Only the daemon of the default config has a unit. */
async function checkDaemon({ config, systemd, runner }: Box): Promise<Finding[]> {
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
