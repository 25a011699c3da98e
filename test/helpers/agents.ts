// Sensors that register themselves, many in a process of their own, so that a test can kill them:
// node agents.js URL TOKEN_FILE FIRST COUNT TTL
import { systemClock } from '../../src/base/clock.ts'
import { createLineLogger } from '../../src/base/line-logger.ts'
import { createMachine } from '../../src/sensor/machine.ts'
import { createSensor } from '../../src/sensor/sensor.ts'

const [url, tokenFile, first, count, ttl] = process.argv.slice(2)
const log = createLineLogger('warn', (line) => process.stderr.write(line))
const deps = { clock: systemClock, log, random: Math.random }
const machine = createMachine([], deps)
for (let index = Number(first); index < Number(first) + Number(count); index++) {
  await createSensor(
    {
      listenAddress: { host: '127.0.0.1', port: 0 },
      drainDelayMs: 0,
      registration: {
        url: new URL(String(url)),
        tokenFile,
        id: `agent-${String(index).padStart(3, '0')}`,
        address: undefined,
        labels: { site: `s${index % 5}` },
        ttl,
      },
    },
    { ...deps, machine },
  )
}
