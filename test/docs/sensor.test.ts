import { readFileSync } from 'node:fs'
import t from 'tap'
import { createRequestCounts } from '../../src/base/request-counts.ts'
import { sensorHelpText } from '../../src/commands/sensor.ts'
import { sensorOptions } from '../../src/config/sensor-options.ts'
import { readSensorSettings } from '../../src/config/sensor-settings.ts'
import { createCollectors } from '../../src/sensor/collectors/collectors.ts'
import { createHost } from '../../src/sensor/collectors/host.ts'
import { ownFamilies } from '../../src/sensor/own-metrics.ts'
import { REGISTRATION_FAILURES } from '../../src/sensor/registration/failure.ts'
import { createRegistration } from '../../src/sensor/registration/registration.ts'
import { manualClock } from '../helpers/clock.ts'
import { diskFiles } from '../helpers/files.ts'
import { recordingLog } from '../helpers/log.ts'

const page = readFileSync('docs/sensor.md', 'utf8')

t.test('the page has every flag, and no other; --help has them with their meanings', async (t) => {
  const named = [...page.matchAll(/--([a-z]+\.[a-z-]+(?:\.[a-z-]+)?)/g)].map(([, flag]) => String(flag))
  t.same(
    [...new Set(named)].sort(),
    Object.values(sensorOptions)
      .map(({ flag }) => flag)
      .sort(),
  )
  for (const { flag, help } of Object.values(sensorOptions)) {
    t.match(sensorHelpText(), `--${flag}=`)
    t.match(sensorHelpText(), help)
  }
})

t.test('the page has every collector, metric and reason', async (t) => {
  const { paths, collectors } = readSensorSettings({ flags: {}, env: {} })
  const clock = manualClock()
  for (const { name } of createCollectors(createHost(paths), collectors, clock)) t.match(page, `\`${name}\``)
  const { log } = recordingLog()
  const url = new URL('http://a')
  const registration = createRegistration(
    { url, tokenFile: undefined, id: 'a', address: undefined, labels: {}, ttl: undefined },
    { clock, files: diskFiles, log, random: () => 0 },
  )
  for (const { name } of [...ownFamilies(createRequestCounts(), 0), ...registration.families()]) {
    t.match(page, `\`${name}\``)
  }
  for (const reason of Object.keys(REGISTRATION_FAILURES)) t.match(page, `\`${reason}\``)
})
