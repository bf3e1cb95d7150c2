/** Every metric, by name: a contract with dashboards and alert rules. A value of a label that is not there has no line. */
export const metrics = {
  hdsync_build_info: { help: 'The version that is running; always 1.', labels: ['version'] },
  hdsync_source_last_success_timestamp_seconds: {
    help: 'When the last run ended in which this source was backed up; 0 if there is none on record.',
    labels: ['source'],
  },
  hdsync_source_last_state: {
    help: 'How the source fared in its last run that has ended: 1 for the state it is in.',
    labels: ['source', 'state'],
  },
  hdsync_source_last_duration_seconds: {
    help: 'From the first to the last event of the source in that run.',
    labels: ['source'],
  },
  hdsync_source_last_transferred_bytes: { help: 'Bytes copied in that run.', labels: ['source'] },
  hdsync_source_last_transferred_files: { help: 'Files copied in that run.', labels: ['source'] },
  hdsync_source_last_deleted_files: {
    help: 'Files deleted from the mirror in that run.',
    labels: ['source'],
  },
  hdsync_source_last_mount_trials: {
    help: 'Snapshots that were tried to mount in that run; 0 for a directory.',
    labels: ['source'],
  },
  hdsync_source_last_snapshot_used_ratio: {
    help: 'How much of the room of the snapshot was used at its peak in that run, from 0 to 1.',
    labels: ['source'],
  },
  hdsync_last_drill_timestamp_seconds: {
    help: 'When the last drill of this source ended, well or not; 0 if there is none on record.',
    labels: ['source'],
  },
  hdsync_last_drill_success: {
    help: 'Whether the last drill of this source has proven it: 1 or 0.',
    labels: ['source'],
  },
  hdsync_last_proven_restore_timestamp_seconds: {
    help: 'When a restore of this source was last proven by a drill; 0 if there is none on record.',
    labels: ['source'],
  },
  hdsync_run_last_end_timestamp_seconds: { help: 'When the last run ended.', labels: [] },
  hdsync_run_last_duration_seconds: { help: 'How long the last run took.', labels: [] },
  hdsync_runs_unended: { help: 'Runs that have been asked for and have not ended.', labels: [] },
  hdsync_verify_last_end_timestamp_seconds: {
    help: 'When the last verification of backups ended.',
    labels: [],
  },
  hdsync_verify_last_read_bytes: { help: 'What was read in it.', labels: [] },
  hdsync_verify_last_damaged_archives: {
    help: 'Archives that are damaged: found in it, or before and still there.',
    labels: [],
  },
  hdsync_verify_last_healed_files: {
    help: 'Files of mirrors that had rotted, and were replaced in it.',
    labels: [],
  },
  hdsync_verify_last_doubtful_files: {
    help: 'Files of which mirror and archive differ, and nobody can tell which is right.',
    labels: [],
  },
  hdsync_copy_last_success_timestamp_seconds: {
    help: 'When this place had a proven copy of every archive last; 0 if that is not on record.',
    labels: ['copy'],
  },
  hdsync_copy_last_end_timestamp_seconds: {
    help: 'When archives were last to be copied to this place, well or not; 0 if that is not on record.',
    labels: ['copy'],
  },
  hdsync_copy_waiting_archives: {
    help: 'Archives that this place had still to get when it was last looked at.',
    labels: ['copy'],
  },
  hdsync_vault_host_used_bytes: {
    help: 'What the copies of this host take in the vault.',
    labels: ['host'],
  },
  hdsync_vault_host_quota_bytes: {
    help: 'What they may take; no line without a quota.',
    labels: ['host'],
  },
  hdsync_vault_copies: {
    help: 'Good copies of this source of a host in the vault.',
    labels: ['host', 'source'],
  },
  hdsync_vault_damaged_copies: {
    help: 'Copies that did not read back as they were accepted.',
    labels: ['host', 'source'],
  },
  hdsync_vault_last_proved_timestamp_seconds: {
    help: 'When the last good copy was proved, by the clock of the vault; 0 if there is none.',
    labels: ['host', 'source'],
  },
  hdsync_vault_odd: {
    help: 'Whether something is odd about what this host sends of the source: 1 or 0. None of its copies goes then.',
    labels: ['host', 'source'],
  },
  hdsync_vault_last_pulled_timestamp_seconds: {
    help: 'When everything was last fetched that this host had; 0 for never. Of hosts that the vault fetches from alone.',
    labels: ['host'],
  },
  hdsync_vault_pull_failed: {
    help: 'Whether something could not be fetched from this host the last time: 1 or 0. Not where the host was only away.',
    labels: ['host'],
  },
  hdsync_vault_pull_overdue: {
    help: 'Whether nothing has come of this host for longer than `alert.after` says: 1 or 0.',
    labels: ['host'],
  },
  hdsync_fleet_host_state: {
    help: 'How this host of the fleet stands: 1 for the state it is in, 0 for each other.',
    labels: ['host', 'state'],
  },
  hdsync_fleet_host_last_good_timestamp_seconds: {
    help: 'When the source of this host that has waited longest was backed up, by the clock of the host; 0 if one never was.',
    labels: ['host'],
  },
  hdsync_fleet_host_last_proven_timestamp_seconds: {
    help: 'When a drill last proved a restore on this host, by its clock; 0 if none has.',
    labels: ['host'],
  },
  hdsync_fleet_host_heard_timestamp_seconds: {
    help: 'When the hub last heard of this host; 0 if it never has.',
    labels: ['host'],
  },
  hdsync_fleet_hub_state: {
    help: 'How this hub of the fleet stands: 1 for `acts`, `standby` or `gone`, 0 for the others. Of hubs that have been heard, and of this one.',
    labels: ['hub', 'state'],
  },
  hdsync_fleet_slots: {
    help: 'How many hosts of the fleet may be at work on this backup server at once.',
    labels: ['server'],
  },
  hdsync_fleet_slot_hosts: {
    help: 'How many hosts of the fleet have a slot of this backup server, are at work on it without one, or wait.',
    labels: ['server', 'state'],
  },
  hdsync_fleet_certificate_end_timestamp_seconds: {
    help: 'When the certificate of the NATS server of the fleet runs out.',
    labels: [],
  },
  hdsync_function_deliveries: {
    help: 'Events that the function has still to handle: ready, waiting for their time, or claimed.',
    labels: ['function', 'state'],
  },
  hdsync_function_oldest_ready_seconds: {
    help: 'Age of the oldest event that is ready to be handled; 0 if there is none.',
    labels: ['function'],
  },
  hdsync_function_attempts: {
    help: 'Attempts on record, which goes back as far as `keep` says.',
    labels: ['function'],
  },
  hdsync_function_dead_letters: {
    help: 'Events that were given up and not taken up again.',
    labels: ['function'],
  },
} as const satisfies Record<`hdsync_${string}`, { help: string; labels: readonly string[] }>

export type MetricName = keyof typeof metrics

/** One line of the exposition. */
export interface Sample {
  name: MetricName
  labels: Record<string, string>
  value: number
}
