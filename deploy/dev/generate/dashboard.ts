import type { MetricName } from '../../../runtime/http/metrics/catalogue.ts'

type Kind = 'stat' | 'timeseries' | 'table'

interface Panel {
  title: string
  description?: string
  kind: Kind
  /** A query, or a metric as it is. */
  expr: string
  legend?: string
  /** As Grafana calls it. */
  unit?: string
  width: number
  height: number
  thresholds?: [red: 'above' | 'below', value: number]
}

const m = (name: MetricName, more = '') => `${name}{instance=~"$instance"${more && `, ${more}`}}`
const source = '{{source}}'
const byFunction = '{{function}}'

/** In rows of 24 columns, from left to right. */
const panels: Panel[] = [
  {
    title: 'Since the last success',
    description: 'Of each source. Red after 36 hours: a night was missed.',
    kind: 'stat',
    expr: `time() - ${m('hdsync_source_last_success_timestamp_seconds')}`,
    legend: source,
    unit: 's',
    width: 12,
    height: 6,
    thresholds: ['above', 36 * 3600],
  },
  {
    title: 'Since the last run',
    kind: 'stat',
    expr: `time() - ${m('hdsync_run_last_end_timestamp_seconds')}`,
    legend: '{{instance}}',
    unit: 's',
    width: 4,
    height: 6,
  },
  {
    title: 'Dead letters',
    kind: 'stat',
    expr: `sum(${m('hdsync_function_dead_letters')})`,
    width: 4,
    height: 6,
    thresholds: ['above', 1],
  },
  {
    title: 'Runs going on or waiting',
    kind: 'stat',
    expr: `sum(${m('hdsync_runs_unended')})`,
    width: 4,
    height: 6,
  },
  {
    title: 'How the last run of each source went',
    kind: 'table',
    expr: `${m('hdsync_source_last_state')} == 1`,
    width: 12,
    height: 8,
  },
  {
    title: 'Since the last proven restore',
    kind: 'stat',
    expr: `time() - ${m('hdsync_last_proven_restore_timestamp_seconds')}`,
    legend: source,
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Since the last drill',
    kind: 'stat',
    expr: `time() - ${m('hdsync_last_drill_timestamp_seconds')}`,
    legend: source,
    unit: 's',
    width: 4,
    height: 6,
  },
  {
    title: 'Whether the last drill went well',
    kind: 'stat',
    expr: m('hdsync_last_drill_success'),
    legend: source,
    width: 4,
    height: 6,
    thresholds: ['below', 1],
  },
  {
    title: 'Since the last verification',
    kind: 'stat',
    expr: `time() - ${m('hdsync_verify_last_end_timestamp_seconds')}`,
    legend: '{{instance}}',
    unit: 's',
    width: 4,
    height: 6,
  },
  {
    title: 'Damaged archives',
    kind: 'stat',
    expr: `sum(${m('hdsync_verify_last_damaged_archives')})`,
    width: 4,
    height: 6,
    thresholds: ['above', 1],
  },
  {
    title: 'Read again by the last verification',
    kind: 'timeseries',
    expr: m('hdsync_verify_last_read_bytes'),
    legend: '{{instance}}',
    unit: 'bytes',
    width: 8,
    height: 8,
  },
  {
    title: 'Files healed in mirrors',
    kind: 'timeseries',
    expr: m('hdsync_verify_last_healed_files'),
    legend: '{{instance}}',
    unit: 'short',
    width: 8,
    height: 8,
  },
  {
    title: 'Files in doubt',
    kind: 'timeseries',
    expr: m('hdsync_verify_last_doubtful_files'),
    legend: '{{instance}}',
    unit: 'short',
    width: 8,
    height: 8,
  },
  {
    title: 'Since a copy had every archive',
    kind: 'stat',
    expr: `time() - ${m('hdsync_copy_last_success_timestamp_seconds')}`,
    legend: '{{copy}}',
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Since archives were last copied',
    kind: 'stat',
    expr: `time() - ${m('hdsync_copy_last_end_timestamp_seconds')}`,
    legend: '{{copy}}',
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Archives to be copied',
    kind: 'stat',
    expr: m('hdsync_copy_waiting_archives'),
    legend: '{{copy}}',
    width: 8,
    height: 6,
  },
  {
    title: 'Vault: since a copy was proved',
    kind: 'stat',
    expr: `time() - ${m('hdsync_vault_last_proved_timestamp_seconds')}`,
    legend: '{{host}} {{source}}',
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Vault: odd, or damaged copies',
    kind: 'stat',
    expr: `${m('hdsync_vault_odd')} + ${m('hdsync_vault_damaged_copies')}`,
    legend: '{{host}} {{source}}',
    width: 8,
    height: 6,
  },
  {
    title: 'Vault: good copies',
    kind: 'stat',
    expr: m('hdsync_vault_copies'),
    legend: '{{host}} {{source}}',
    width: 8,
    height: 6,
  },
  {
    title: 'Vault: since everything was fetched',
    kind: 'stat',
    expr: `time() - ${m('hdsync_vault_last_pulled_timestamp_seconds')}`,
    legend: '{{host}}',
    unit: 's',
    width: 12,
    height: 6,
  },
  {
    title: 'Vault: failed to fetch, or overdue',
    kind: 'stat',
    expr: `${m('hdsync_vault_pull_failed')} + ${m('hdsync_vault_pull_overdue')}`,
    legend: '{{host}}',
    width: 12,
    height: 6,
  },
  {
    title: 'Vault: room taken',
    kind: 'timeseries',
    expr: m('hdsync_vault_host_used_bytes'),
    legend: '{{host}}',
    unit: 'bytes',
    width: 12,
    height: 8,
  },
  {
    title: 'Vault: share of the quota',
    kind: 'timeseries',
    expr: `${m('hdsync_vault_host_used_bytes')} / ${m('hdsync_vault_host_quota_bytes')}`,
    legend: '{{host}}',
    unit: 'percentunit',
    width: 12,
    height: 8,
  },
  {
    title: 'Fleet: hosts by how they stand',
    kind: 'stat',
    expr: `sum by (state) (${m('hdsync_fleet_host_state')})`,
    legend: '{{state}}',
    width: 8,
    height: 6,
  },
  {
    title: 'Fleet: since the last good backup',
    kind: 'stat',
    expr: `time() - ${m('hdsync_fleet_host_last_good_timestamp_seconds')}`,
    legend: '{{host}}',
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Fleet: since a restore was proven',
    kind: 'stat',
    expr: `time() - ${m('hdsync_fleet_host_last_proven_timestamp_seconds')}`,
    legend: '{{host}}',
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Fleet: since something was heard',
    kind: 'stat',
    expr: `time() - ${m('hdsync_fleet_host_heard_timestamp_seconds')}`,
    legend: '{{host}}',
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Fleet: hubs by how they stand',
    kind: 'stat',
    expr: `${m('hdsync_fleet_hub_state')} == 1`,
    legend: '{{hub}}: {{state}}',
    width: 8,
    height: 6,
  },
  {
    title: 'Fleet: until the certificate runs out',
    kind: 'stat',
    expr: `${m('hdsync_fleet_certificate_end_timestamp_seconds')} - time()`,
    legend: '{{instance}}',
    unit: 's',
    width: 8,
    height: 6,
  },
  {
    title: 'Fleet: slots of backup servers',
    kind: 'stat',
    expr: m('hdsync_fleet_slots'),
    legend: '{{server}}',
    width: 8,
    height: 6,
  },
  {
    title: 'Fleet: hosts that have a slot, are at work without one, or wait',
    kind: 'stat',
    expr: m('hdsync_fleet_slot_hosts'),
    legend: '{{server}}: {{state}}',
    width: 16,
    height: 6,
  },
  {
    title: 'Duration of the last run',
    kind: 'timeseries',
    expr: m('hdsync_run_last_duration_seconds'),
    legend: '{{instance}}',
    unit: 's',
    width: 12,
    height: 8,
  },
  {
    title: 'Duration',
    kind: 'timeseries',
    expr: m('hdsync_source_last_duration_seconds'),
    legend: source,
    unit: 's',
    width: 12,
    height: 8,
  },
  {
    title: 'Copied',
    kind: 'timeseries',
    expr: m('hdsync_source_last_transferred_bytes'),
    legend: source,
    unit: 'bytes',
    width: 12,
    height: 8,
  },
  {
    title: 'Files copied',
    kind: 'timeseries',
    expr: m('hdsync_source_last_transferred_files'),
    legend: source,
    unit: 'short',
    width: 12,
    height: 8,
  },
  {
    title: 'Files deleted from the mirror',
    kind: 'timeseries',
    expr: m('hdsync_source_last_deleted_files'),
    legend: source,
    unit: 'short',
    width: 12,
    height: 8,
  },
  {
    title: 'Snapshot used at its peak',
    kind: 'timeseries',
    expr: m('hdsync_source_last_snapshot_used_ratio'),
    legend: source,
    unit: 'percentunit',
    width: 12,
    height: 8,
    thresholds: ['above', 0.85],
  },
  {
    title: 'Snapshots until one could be mounted',
    kind: 'timeseries',
    expr: m('hdsync_source_last_mount_trials'),
    legend: source,
    unit: 'short',
    width: 12,
    height: 8,
  },
  {
    title: 'To be handled',
    kind: 'timeseries',
    expr: `sum by (function) (${m('hdsync_function_deliveries')})`,
    legend: byFunction,
    unit: 'short',
    width: 8,
    height: 8,
  },
  {
    title: 'Oldest event that is ready',
    kind: 'timeseries',
    expr: m('hdsync_function_oldest_ready_seconds'),
    legend: byFunction,
    unit: 's',
    width: 8,
    height: 8,
  },
  {
    title: 'Attempts on record',
    kind: 'timeseries',
    expr: m('hdsync_function_attempts'),
    legend: byFunction,
    unit: 'short',
    width: 8,
    height: 8,
  },
]

const datasource = { type: 'prometheus', uid: '$datasource' }

/** A dashboard to be imported into Grafana; it asks for its data source, and for the box. */
export function dashboard(): unknown {
  return {
    uid: 'hdsync',
    title: 'hdsync',
    description: 'Backups of a server while it runs: how old they are, how they went, and what waits.',
    tags: ['backup'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '1m',
    time: { from: 'now-30d', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
        {
          name: 'instance',
          type: 'query',
          label: 'Box',
          datasource,
          query: 'label_values(hdsync_build_info, instance)',
          refresh: 2,
          includeAll: true,
          multi: true,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: placed(panels).map(({ panel, x, y }, index) => panelOf(panel, index + 1, x, y)),
  }
}

/** Fills rows from left to right. */
function placed(all: readonly Panel[]): { panel: Panel; x: number; y: number }[] {
  let x = 0
  let y = 0
  return all.map((panel) => {
    if (x + panel.width > 24) x = 0
    const place = { panel, x, y }
    x += panel.width
    if (x === 24) y += panel.height
    return place
  })
}

function panelOf(
  { title, description, kind, expr, legend, unit, width, height, thresholds }: Panel,
  id: number,
  x: number,
  y: number,
) {
  const table = kind === 'table'
  return {
    id,
    title,
    ...(description && { description }),
    type: kind,
    datasource,
    gridPos: { x, y, w: width, h: height },
    targets: [
      {
        refId: 'A',
        datasource,
        expr,
        ...(legend && { legendFormat: legend }),
        ...((table || kind === 'stat') && { instant: true }),
        ...(table && { format: 'table' }),
      },
    ],
    fieldConfig: {
      defaults: { ...(unit && { unit }), ...(thresholds && thresholdsOf(thresholds)) },
      overrides: [],
    },
    ...(table && {
      transformations: [
        { id: 'filterFieldsByName', options: { include: { names: ['instance', 'source', 'state'] } } },
      ],
    }),
  }
}

function thresholdsOf([red, value]: NonNullable<Panel['thresholds']>) {
  const [low, high] = red === 'above' ? ['green', 'red'] : ['red', 'green']
  return {
    color: { mode: 'thresholds' },
    thresholds: {
      mode: 'absolute',
      steps: [
        { color: low, value: null },
        { color: high, value },
      ],
    },
  }
}
