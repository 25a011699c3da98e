import type { Family, Series } from '../exposition.ts'
import { linesOf, toNumber, wordsOf } from './collector.ts'

/** The unit of /proc/diskstats, whatever the sector size of a device. */
const SECTOR_BYTES = 512

const MS = 1 / 1000

/** The columns of /proc/diskstats after the device name: name, help, factor to the unit, and type. */
const COLUMNS: readonly (readonly [name: string, help: string, factor?: number, type?: 'gauge'])[] = [
  ['reads_completed_total', 'The total number of reads completed successfully.'],
  ['reads_merged_total', 'The total number of reads merged.'],
  ['read_bytes_total', 'The total number of bytes read successfully.', SECTOR_BYTES],
  ['read_time_seconds_total', 'The total number of seconds spent by all reads.', MS],
  ['writes_completed_total', 'The total number of writes completed successfully.'],
  ['writes_merged_total', 'The number of writes merged.'],
  ['written_bytes_total', 'The total number of bytes written successfully.', SECTOR_BYTES],
  ['write_time_seconds_total', 'This is the total number of seconds spent by all writes.', MS],
  ['io_now', 'The number of I/Os currently in progress.', 1, 'gauge'],
  ['io_time_seconds_total', 'Total seconds spent doing I/Os.', MS],
  ['io_time_weighted_seconds_total', 'The weighted # of seconds spent doing I/Os.', MS],
  ['discards_completed_total', 'The total number of discards completed successfully.'],
  ['discards_merged_total', 'The total number of discards merged.'],
  ['discarded_sectors_total', 'The total number of sectors discarded successfully.'],
  ['discard_time_seconds_total', 'This is the total number of seconds spent by all discards.', MS],
  ['flush_requests_total', 'The total number of flush requests completed successfully'],
  [
    'flush_requests_time_seconds_total',
    'This is the total number of seconds spent by all flush requests.',
    MS,
  ],
]

/** /proc/diskstats without the devices that the pattern excludes; older kernels have fewer columns. */
export function diskstatsFamilies(diskstats: string, exclude: RegExp): Family[] {
  const rows = linesOf(diskstats)
    .map((line) => wordsOf(line).slice(2))
    .filter(([device = '']) => !exclude.test(device))
  return COLUMNS.map(([name, help, factor = 1, type], column) => ({
    name: `node_disk_${name}`,
    type: type ?? 'counter',
    help,
    series: rows.flatMap(([device = '', ...values]): Series[] =>
      column < values.length
        ? [{ labels: { device }, value: toNumber(values[column], `${device} ${name}`) * factor }]
        : [],
    ),
  }))
}
