import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { Collector } from '../../src/sensor/collectors/collector.ts'
import { createMachine } from '../../src/sensor/machine.ts'
import { createSensor, type SensorDeps, type SensorOptions } from '../../src/sensor/sensor.ts'
import { diskFiles } from './files.ts'
import { recordingLog } from './log.ts'

/** A sensor in this process on a free loopback port; it watches nothing unless it is given collectors. */
export async function sensorHere(
  t: Test,
  options: Partial<SensorOptions> & Partial<SensorDeps> & { collectors?: readonly Collector[] } = {},
) {
  const { log, lines, messages } = recordingLog()
  const { clock = systemClock, random = Math.random } = options
  const machine = options.machine ?? createMachine(options.collectors ?? [], { clock, log })
  const sensor = await createSensor(
    {
      listenAddress: options.listenAddress ?? { host: '127.0.0.1', port: 0 },
      drainDelayMs: options.drainDelayMs ?? 0,
      registrations: options.registrations ?? [],
      limits: options.limits ?? {},
    },
    { machine, clock, files: diskFiles, log, random, web: options.web },
  )
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= sensor.stop()
    return stopping
  }
  t.teardown(stop)
  return { ...sensor, stop, lines, messages }
}
