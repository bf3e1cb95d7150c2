import type { MetricName } from '../../../runtime/http/metrics/catalogue.ts'

interface Alert {
  name: string
  expr: string
  /** How long it has to be so. */
  forTime?: string
  severity: 'critical' | 'warning'
  summary: string
  description: string
}

/** Keeps names of metrics from being misspelt: an alert on one that does not exist never fires. */
const m = (name: MetricName, labels = '') => (labels ? `${name}{${labels}}` : name)

const alerts: Alert[] = [
  {
    name: 'HdsyncDown',
    expr: 'up{job="hdsync"} == 0',
    forTime: '15m',
    severity: 'critical',
    summary: 'hdsync on {{ $labels.instance }} does not answer',
    description: 'Nobody sees whether backups are made: systemctl status hdsync',
  },
  {
    name: 'HdsyncSourceOverdue',
    expr: `time() - ${m('hdsync_source_last_success_timestamp_seconds')} > 36 * 3600`,
    severity: 'critical',
    summary:
      '{{ $labels.source }} on {{ $labels.instance }} was not backed up for {{ $value | humanizeDuration }}',
    description: 'hdsync why {{ $labels.source }}',
  },
  {
    name: 'HdsyncSourceFailed',
    expr: `${m('hdsync_source_last_state', 'state="failed"')} == 1`,
    severity: 'critical',
    summary: 'the last backup of {{ $labels.source }} on {{ $labels.instance }} failed',
    description: 'hdsync why {{ $labels.source }}',
  },
  {
    name: 'HdsyncSourceHeld',
    expr: `${m('hdsync_source_last_state', 'state="held"')} == 1`,
    severity: 'warning',
    summary: 'the sync of {{ $labels.source }} on {{ $labels.instance }} waits for somebody to say go',
    description:
      'It would delete more than its limit, or lies on another file system. To see it: hdsync show --held {{ $labels.source }}; if that is right: hdsync release {{ $labels.source }}',
  },
  {
    name: 'HdsyncSnapshotNearlyFull',
    expr: `${m('hdsync_source_last_snapshot_used_ratio')} > 0.85`,
    severity: 'warning',
    summary:
      'the snapshot of {{ $labels.source }} on {{ $labels.instance }} was {{ $value | humanizePercentage }} full',
    description:
      'Give it more room under sources.{{ $labels.source }}.snapshot, or make room in the volume group.',
  },
  {
    name: 'HdsyncManyMountTrials',
    expr: `${m('hdsync_source_last_mount_trials')} >= 5`,
    severity: 'warning',
    summary:
      '{{ $labels.source }} on {{ $labels.instance }} took {{ $value }} snapshots until one could be mounted',
    description: 'hdsync show says what the kernel said each time.',
  },
  {
    name: 'HdsyncDeadLetters',
    expr: `${m('hdsync_function_dead_letters')} > 0`,
    forTime: '15m',
    severity: 'warning',
    summary: '{{ $labels.function }} on {{ $labels.instance }} gave up on {{ $value }} events',
    description: 'hdsync dead lists them, hdsync redrive takes one up again.',
  },
  {
    name: 'HdsyncStuck',
    expr: `${m('hdsync_function_oldest_ready_seconds')} > 6 * 3600`,
    severity: 'warning',
    summary:
      '{{ $labels.function }} on {{ $labels.instance }} leaves an event waiting for {{ $value | humanizeDuration }}',
    description: 'hdsync show says what is going on.',
  },
  {
    name: 'HdsyncFleetHost',
    expr: `${m('hdsync_fleet_host_state', 'state=~"failing|overdue|silent"')} == 1`,
    forTime: '15m',
    severity: 'critical',
    summary: '{{ $labels.host }}, in the fleet of {{ $labels.instance }}, is {{ $labels.state }}',
    description: 'On the hub: hdsync fleet status.',
  },
  {
    name: 'HdsyncFleetHub',
    expr: `${m('hdsync_fleet_hub_state', 'state="gone"')} == 1`,
    severity: 'warning',
    summary: '{{ $labels.hub }}, a hub beside {{ $labels.instance }}, says nothing any more',
    description: 'There: systemctl status hdsync.',
  },
  {
    name: 'HdsyncFleetCertificate',
    expr: `${m('hdsync_fleet_certificate_end_timestamp_seconds')} - time() < 30 * 86400`,
    severity: 'warning',
    summary:
      'the certificate of the NATS server of {{ $labels.instance }} runs out in {{ $value | humanizeDuration }}',
    description: 'Another one: hdsync fleet init && systemctl restart nats-server.',
  },
]

/** Alert rules for Prometheus; the job that scrapes hdsync is called `hdsync`. */
export function rules(): unknown {
  return {
    groups: [
      {
        name: 'hdsync',
        rules: alerts.map(({ name, expr, forTime, severity, summary, description }) => ({
          alert: name,
          expr,
          ...(forTime && { for: forTime }),
          labels: { severity },
          annotations: { summary, description },
        })),
      },
    ],
  }
}
