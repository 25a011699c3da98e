import type { Family, Series } from '../exposition.ts'
import { linesOf, toNumber, wordsOf } from './collector.ts'

const RECEIVE = ['bytes', 'packets', 'errs', 'drop', 'fifo', 'frame', 'compressed', 'multicast']
const TRANSMIT = ['bytes', 'packets', 'errs', 'drop', 'fifo', 'colls', 'carrier', 'compressed']
const FIELDS = [
  ...RECEIVE.map((field) => `receive_${field}`),
  ...TRANSMIT.map((field) => `transmit_${field}`),
]

/** The counters of the devices in /proc/net/dev, in the order of its columns, by device. */
export function parseNetDev(netDev: string): Map<string, number[]> {
  // Two lines of headings.
  const rows = linesOf(netDev)
    .slice(2)
    .map((line): [string, number[]] => {
      // An alias of an old kernel ("eth0:1") has a colon in its name.
      const colon = line.includes(':') ? line.lastIndexOf(':') : line.length
      const [device, counters] = [line.slice(0, colon).trim(), line.slice(colon + 1)]
      return [device, FIELDS.map((field, index) => toNumber(wordsOf(counters)[index], `${device} ${field}`))]
    })
  return new Map(rows)
}

/**
 * /proc/net/dev without the devices that the pattern excludes.
 * @param nohandlerOf the packets of a device that no handler took, from /sys
 */
export function netdevFamilies(
  netDev: string,
  exclude: RegExp,
  nohandlerOf: (device: string) => string | undefined,
): Family[] {
  const devices = [...parseNetDev(netDev)].filter(([device]) => !exclude.test(device))
  const nohandler = devices.flatMap(([device]): Series[] => {
    const text = nohandlerOf(device)?.trim()
    return text === undefined ? [] : [{ labels: { device }, value: toNumber(text, `${device} rx_nohandler`) }]
  })
  return [
    ...FIELDS.map((field, index) =>
      family(
        field,
        devices.map(([device, counters]) => ({ labels: { device }, value: counters[index] as number })),
      ),
    ),
    family('receive_nohandler', nohandler),
  ]
}

function family(field: string, series: Series[]): Family {
  return {
    name: `node_network_${field}_total`,
    type: 'counter',
    help: `Network device statistic ${field}.`,
    series,
  }
}
