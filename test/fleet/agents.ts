// Sensors in one process, each with a port and a registration of its own, as `rollcall sensor` runs one:
//   node build/test/fleet/agents.js --url=URL --token-file=FILE --ids=a,b,c
// Logs JSON lines; each has the id of the sensor that it is about.
import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { createLineLogger } from '../../src/base/line-logger.ts'
import { readSensorSettings } from '../../src/config/sensor-settings.ts'
import { createCollectors } from '../../src/sensor/collectors/collectors.ts'
import { createHost } from '../../src/sensor/collectors/host.ts'
import { createMachine } from '../../src/sensor/machine.ts'
import { createSensor } from '../../src/sensor/sensor.ts'
import { diskFiles } from '../helpers/files.ts'

/** The sensors share one machine, which is not read again for each of them. */
const MACHINE_MAX_AGE_MS = 1_000

const { values } = parseArgs({
  options: { url: { type: 'string' }, 'token-file': { type: 'string' }, ids: { type: 'string' } },
})
const { url = '', 'token-file': tokenFile = '', ids = '' } = values

/** The settings of one sensor, read from the flags that it would be started with. */
const settingsOf = (id: string) =>
  readSensorSettings({
    flags: {
      'web.listen-address': '127.0.0.1:0',
      'web.drain-delay': '0s',
      'register.token-file': tokenFile,
      'register.id': id,
    },
    repeated: { 'register.url': [url] },
    env: {},
  })

const deps = {
  clock: systemClock,
  files: diskFiles,
  random: Math.random,
  log: createLineLogger('info', (line) => void writeSync(1, line)),
}
const { paths, collectors } = settingsOf('any')
const machine = createMachine(
  createCollectors(createHost(paths), collectors, systemClock),
  deps,
  MACHINE_MAX_AGE_MS,
)
for (const id of ids.split(',')) await createSensor(settingsOf(id).sensor, { ...deps, machine })
