import type { Family } from '../exposition.ts'
import { toNumber } from './collector.ts'

/**
 * A folder /sys/class/thermal/thermal_zone…: its number, type, and temperature in thousandths of a degree.
 */
export interface ThermalZone {
  readonly zone: string
  readonly type: string
  readonly temp: string
}

/** The temperatures of the board. */
export function thermalZoneFamilies(zones: readonly ThermalZone[]): Family[] {
  return [
    {
      name: 'node_thermal_zone_temp',
      type: 'gauge',
      help: 'Zone temperature in Celsius',
      series: zones.map(({ zone, type, temp }) => ({
        labels: { type: type.trim(), zone },
        value: toNumber(temp.trim(), `thermal zone ${zone}`) / 1000,
      })),
    },
  ]
}
