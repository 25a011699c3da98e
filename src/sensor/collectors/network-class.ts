import type { Family, Series } from '../exposition.ts'
import { toNumber } from './collector.ts'

/** Megabits in bytes. */
const MEGABIT_BYTES = 1_000_000 / 8

/** Reads a file of a device in /sys/class/net; undefined when it is missing or has no value at the moment. */
export type ReadAttribute = (device: string, attribute: string) => string | undefined

const NUMBERS: readonly (readonly [
  name: string,
  attribute: string,
  type: 'counter' | 'gauge',
  factor: number,
])[] = [
  ['carrier', 'carrier', 'gauge', 1],
  ['carrier_changes_total', 'carrier_changes', 'counter', 1],
  ['mtu_bytes', 'mtu', 'gauge', 1],
  ['speed_bytes', 'speed', 'gauge', MEGABIT_BYTES],
]

/** /sys/class/net: the properties of the devices, and whether they are up. */
export function networkClassFamilies(devices: readonly string[], read: ReadAttribute): Family[] {
  const text = (device: string, attribute: string) => read(device, attribute)?.trim() ?? ''
  const gauge = (name: string, help: string, series: Series[]): Family => ({
    name: `node_network_${name}`,
    type: 'gauge',
    help,
    series,
  })
  const info = devices.map((device) => ({
    labels: {
      device,
      address: text(device, 'address'),
      broadcast: text(device, 'broadcast'),
      duplex: text(device, 'duplex'),
      ifalias: text(device, 'ifalias'),
      operstate: text(device, 'operstate'),
    },
    value: 1,
  }))
  const up = devices.map((device) => ({
    labels: { device },
    value: Number(text(device, 'operstate') === 'up'),
  }))
  return [
    gauge('info', 'Non-numeric data from /sys/class/net/<iface>, value is always 1.', info),
    gauge('up', "Value is 1 if operstate is 'up', 0 otherwise.", up),
    ...NUMBERS.map(([name, attribute, type, factor]) => ({
      name: `node_network_${name}`,
      type,
      help: `Network device property: ${name}`,
      series: seriesOf(devices, (device) => read(device, attribute), factor),
    })),
  ]
}

function seriesOf(
  devices: readonly string[],
  read: (device: string) => string | undefined,
  factor: number,
): Series[] {
  return devices.flatMap((device) => {
    const text = read(device)
    return text === undefined ? [] : [{ labels: { device }, value: toNumber(text.trim(), device) * factor }]
  })
}
