/**
 * LVM's reports must not depend on lvm.conf: `compact_output` leaves out columns, `prefixes` without `quoted` breaks the
 * JSON, and a command log comes in between.
 * Nothing here changes what LVM does to volumes. Every LVM that knows `--reportformat` (2.02.158) knows these.
 * @see lvm.conf(5), lvmconfig --type full --withcomments report log
 */
const settings = {
  'report/compact_output': '0',
  'report/compact_output_cols': '""',
  'report/prefixes': '0',
  'report/quoted': '1',
  'report/columns_as_rows': '0',
  'report/headings': '1',
  'report/binary_values_as_numeric': '0',
  'report/list_item_separator': '","',
  'log/report_command_log': '0',
  'log/command_names': '0',
  'log/prefix': '"  "',
  'log/silent': '0',
  'log/verbose': '0',
}

/** What every LVM command of hdsync is given; see `Command.manner`. */
export const lvmManner: readonly string[] = [
  `--config=${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')}`,
]
