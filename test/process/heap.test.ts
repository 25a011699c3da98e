import { Agent } from 'node:http'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { createScope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'
import { ask, written } from '../helpers/web.ts'

/** The heap of what is young never takes so much while it is kept small. */
const SMALL_BYTES = 2 ** 23

t.test('the heap grows once the server is busy, and not before', async (t) => {
  const scope = createScope()
  t.teardown(() => scope.end())
  const folder = t.testdir()
  written(
    folder,
    JSON.stringify(Array.from({ length: 100 }, (_, index) => `sensor-${index}:9100`)),
    'list.json',
  )
  const config = written(
    folder,
    'sources: [{ name: sensors, file: { files: [list.json] } }]\n',
    'rollcall.yml',
  )
  const { url } = await start(scope, [`--config.file=${config}`, `--storage.path=${folder}/data`])
  const port = Number(new URL(url).port)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const young = async () => {
    const { body } = await ask(port, '/metrics', { agent })
    return Number(seriesValue(body, 'nodejs_heap_space_size_total_bytes', { space: 'new' }))
  }
  await until('the list is there', async () => (await ask(port, '/targets', { agent })).status === 200)
  t.ok((await young()) <= SMALL_BYTES, 'it is small at rest')
  let isOver = false
  const poll = async () => {
    while (!isOver) await ask(port, '/targets', { agent })
  }
  const polls = Array.from({ length: 20 }, poll)
  await until('the heap has grown', async () => (await young()) > SMALL_BYTES)
  isOver = true
  await Promise.all(polls)
})
