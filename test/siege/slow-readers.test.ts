import { spawn } from 'node:child_process'
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const READERS = 4_400
/** Enough that no buffer on the way holds the list: Linux keeps 2 MB of it. */
const TARGETS = 100_000
const TTL_MS = 5_000

t.test(
  `76: ${READERS} clients that read nothing cost nobody else a thing`,
  { timeout: 150_000 },
  async (t) => {
    const python = findTool('python3')
    if (missing(t, python, 'python3')) return
    const list = Array.from(
      { length: TARGETS },
      (_, index) => `sensor-${index}.a-rather-long-domain.example:9100`,
    )
    const folder = t.testdir({ 'sensors.json': JSON.stringify(list), token: 'one-token\n' })
    // An old file is read at once. A new one would be read after 5 s, when the device has expired.
    utimesSync(join(folder, 'sensors.json'), 0, 0)
    const config = join(folder, 'rollcall.yml')
    writeFileSync(
      config,
      `sources:
  - { name: sensors, file: { files: [sensors.json] } }
  - { name: devices, push: { token_file: token, ttl: ${TTL_MS / 1000}s } }
`,
    )
    const { url } = await start(t, [`--config.file=${config}`])
    const ask = async (path: string, options: RequestInit = {}) => {
      const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000), ...options })
      return { status: answer.status, text: await answer.text() }
    }
    const heartbeat = () =>
      ask('/api/v1/sources/devices/instances/one', {
        method: 'PUT',
        headers: { authorization: 'Bearer one-token' },
        body: JSON.stringify({ address: 'one.example:9100' }),
      })
    t.equal((await heartbeat()).status, 201)
    await until('both lists', async () => {
      const { status, text } = await ask('/targets')
      return status === 200 && text.includes('one.example')
    })

    const readers = spawn(String(python), [
      'test/siege/slow-readers.py',
      new URL(url).port,
      String(READERS),
      '/targets',
      'again',
    ])
    t.teardown(() => readers.kill())
    let told = ''
    readers.stdout.on('data', (data) => {
      told += data
    })
    const refused: string[] = []
    const others = async () => {
      for (const [path, options] of [['/-/healthy'], ['/metrics'], ['/targets/devices'], ['/targets']] as [
        string,
        RequestInit?,
      ][]) {
        const { status, text } = await ask(path, options)
        if (status !== 200) refused.push(`${path}: ${status}`)
        if (path.startsWith('/targets') && !text.includes('one.example')) refused.push(`${path}: without it`)
      }
      const { status } = await heartbeat()
      if (status !== 200) refused.push(`heartbeat: ${status}`)
    }
    await until('all readers ask', async () => {
      await others()
      return told.includes('all')
    })
    const since = performance.now()
    while (performance.now() - since < 2 * TTL_MS) await others()
    t.same(refused, [])
  },
)
