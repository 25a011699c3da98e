import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

const post = (url: string) => fetch(url, { method: 'POST' })
const metrics = async (url: string) => (await fetch(`${url}/metrics`)).text()
const names = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `host-${from + index}`)

/** A Rollcall with a configuration file that a test rewrites, whose sources are refreshed only on demand. */
async function reloadable(t: Test, sources: string) {
  const path = join(t.testdir(), 'rollcall.yml')
  const write = (text: string) =>
    writeFileSync(path, `global: { refresh_interval: 1h }\nsources:\n${text.replace(/^/gm, '  ')}\n`)
  write(sources)
  const server = await start(t, [`--config.file=${path}`, '--web.enable-lifecycle'], { METRICS_PORT: '9200' })
  const addresses = async (source: string) => {
    const answer = await fetch(`${server.url}/targets/${source}`)
    if (answer.status !== 200) return answer.status
    const groups = (await answer.json()) as { targets: string[] }[]
    return groups.flatMap(({ targets }) => targets)
  }
  return { ...server, write, addresses, reload: () => post(`${server.url}/-/reload`) }
}

t.test('37: a reload with a bad file changes nothing, and says why', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const good = `- { name: sensors, http: { url: "${inventory.url}" } }`
  const { url, write, reload, addresses, child, err } = await reloadable(t, good)
  await until('the list is served', async () => (await addresses('sensors')) !== 503)
  t.equal(seriesValue(await metrics(url), 'rollcall_config_last_reload_successful'), 1)
  write('- { name: sensors, htp: {} }')
  const answer = await reload()
  t.equal(answer.status, 500)
  const { error } = (await answer.json()) as { error: { code: string; message: string } }
  t.equal(error.code, 'reload_failed')
  t.match(error.message, /rollcall.yml:3:22: sources\[0\].htp: there is no such key; did you mean http\?/)
  t.equal(seriesValue(await metrics(url), 'rollcall_config_last_reload_successful'), 0)
  t.same(await addresses('sensors'), ['a:9100'])
  child.kill('SIGHUP')
  await until('the signal is logged', () => err().split('configuration not reloaded').length === 3)
  t.same(await addresses('sensors'), ['a:9100'])
  write(good)
  t.equal((await reload()).status, 200)
  t.equal(seriesValue(await metrics(url), 'rollcall_config_last_reload_successful'), 1)
  t.equal(err().split('METRICS_PORT has no effect').length, 3, 'what is odd is told again')
  t.match(err(), /"added":\[\],"changed":\[\],"removed":\[\],"msg":"configuration reloaded"/)
  t.equal(inventory.requests.length, 1, 'a source that did not change is not even asked')
})

t.test('38, 39: a reload takes away and adds sources; the others keep serving', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const down = await inventoryServer(t, ['c'])
  await down.stop()
  const source = (name: string, at = inventory.url) =>
    `- { name: ${name}, http: { url: "${at}" }, timeout: 5s }\n`
  const { url, write, reload, addresses } = await reloadable(t, source('stays') + source('goes'))
  await until('both are served', async () => (await fetch(`${url}/targets`)).status === 200)
  const before = (await fetch(`${url}/targets/stays`)).headers.get('etag')
  write(source('stays') + source('comes', down.url))
  t.equal((await reload()).status, 200)
  t.equal(await addresses('goes'), 404, 'its targets are gone')
  t.notMatch(await metrics(url), 'source="goes"', 'and its series')
  t.equal((await fetch(`${url}/targets/stays`)).headers.get('etag'), before)
  const all = await fetch(`${url}/targets`)
  t.equal(all.status, 200, 'the one that has no list yet is left out')
  t.equal((await fetch(`${url}/ready`)).status, 200)
  t.same(
    ((await all.json()) as { labels: Record<string, string> }[]).map(
      ({ labels }) => labels.__meta_rollcall_source,
    ),
    ['stays'],
  )
  t.equal(await addresses('comes'), 503)
  await down.restart()
  t.equal((await post(`${url}/-/refresh?source=comes`)).status, 200)
  t.same(await addresses('comes'), ['c:9100'])
  t.equal(((await (await fetch(`${url}/targets`)).json()) as object[]).length, 2)
})

t.test('a source that is configured differently serves its old list until it has a new one', async (t) => {
  const inventory = await inventoryServer(t, [{ host: 'a', site: 'x' }])
  const source = (more: string) => `- { name: sensors, http: { url: "${inventory.url}" }${more} }`
  const { url, write, reload, addresses } = await reloadable(t, source(''))
  await until('the list is served', async () => (await addresses('sensors')) !== 503)
  await inventory.stop()
  write(source(', targets: ["{host}:9200"]'))
  t.equal((await reload()).status, 200)
  t.same(await addresses('sensors'), ['a:9100'], 'the inventory is down')
  t.equal(seriesValue(await metrics(url), 'rollcall_source_targets', { source: 'sensors' }), 1)
  await inventory.restart()
  t.equal((await post(`${url}/-/refresh`)).status, 200)
  await until('the new address is served', async () => (await addresses('sensors')).toString() === 'a:9200')
})

t.test('the last source that has a list goes: never an empty list', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const down = await inventoryServer(t)
  await down.stop()
  const { url, write, reload } = await reloadable(t, `- { name: old, http: { url: "${inventory.url}" } }`)
  await until('the list is served', async () => (await fetch(`${url}/targets`)).status === 200)
  write(`- { name: new, http: { url: "${down.url}" } }`)
  t.equal((await reload()).status, 200)
  t.equal((await fetch(`${url}/targets`)).status, 503)
})

t.test('25: an operator accepts what the guard holds back', async (t) => {
  const inventory = await inventoryServer(t, names(20))
  const { url, addresses } = await reloadable(t, `- { name: sensors, http: { url: "${inventory.url}" } }`)
  await until('the list is served', async () => (await addresses('sensors')) !== 503)
  t.equal((await post(`${url}/-/accept?source=sensors`)).status, 409, 'nothing is held')
  inventory.json(names(5))
  t.match(await (await post(`${url}/-/refresh`)).json(), { results: [{ result: 'held', targets: 20 }] })
  const health = (await (await fetch(`${url}/health`)).json()) as {
    sources: { sensors: { held: { digest: string } } }
  }
  const { digest } = health.sources.sensors.held
  t.equal((await post(`${url}/-/accept?source=sensors&digest=${'0'.repeat(64)}`)).status, 412)
  const answer = await post(`${url}/-/accept?source=sensors&digest=${digest}`)
  t.equal(answer.status, 200)
  t.match((await fetch(`${url}/targets/sensors`)).headers.get('etag'), digest)
  t.same(await answer.json(), { results: [{ source: 'sensors', result: 'changed', targets: 5 }] })
  t.equal(
    (await addresses('sensors')).toString(),
    names(5)
      .map((name) => `${name}:9100`)
      .join(),
  )
  t.equal(seriesValue(await metrics(url), 'rollcall_source_guard_holding', { source: 'sensors' }), 0)
  t.equal((await post(`${url}/-/accept`)).status, 400)
  t.equal((await post(`${url}/-/accept?source=none`)).status, 404)
})

t.test(
  'without a configuration file a reload says that there is none, and is no failed reload',
  async (t) => {
    const inventory = await inventoryServer(t, ['a'])
    for (const [args, env] of [
      [['serve'], { INVENTORY_URL: inventory.url.href }],
      [['demo', '--demo.listen-address=127.0.0.1:0'], {}],
    ] as const) {
      const { url, child, err } = await start(t, [...args, '--web.enable-lifecycle'], env)
      const answer = await post(`${url}/-/reload`)
      t.equal(answer.status, 409)
      t.match(await answer.json(), {
        error: {
          code: 'nothing_to_reload',
          message:
            'there is no configuration file to reload; flags and environment variables are read at the start: restart Rollcall',
        },
      })
      child.kill('SIGHUP')
      await until('the signal is logged', () => err().split('nothing to reload').length === 3)
      t.equal(seriesValue(await metrics(url), 'rollcall_config_last_reload_successful'), 1)
    }
  },
)

t.test('a reload lets go of what is held back if the source is another now, and only then', async (t) => {
  const [one, other] = [await inventoryServer(t, names(20)), await inventoryServer(t, names(20))]
  const source = (name: string, { url }: { url: URL }, more = '') =>
    `- { name: ${name}, http: { url: "${url}" }${more} }\n`
  const { url, write, reload, addresses, err } = await reloadable(
    t,
    source('changed', one) + source('same', other),
  )
  await until('both are served', async () => (await fetch(`${url}/targets`)).status === 200)
  one.json(names(5))
  other.json(names(5))
  t.equal((await post(`${url}/-/refresh`)).status, 200)
  const held = async () => {
    const { sources } = (await (await fetch(`${url}/health`)).json()) as {
      sources: Record<string, { state: string; held: object | null }>
    }
    const text = await metrics(url)
    return ['changed', 'same'].map((name) => [
      sources[name]?.state,
      sources[name]?.held === null,
      seriesValue(text, 'rollcall_source_guard_holding', { source: name }),
    ])
  }
  t.same(await held(), [
    ['holding', false, 1],
    ['holding', false, 1],
  ])
  // It answers when it is told to: until then nothing new is known of the source.
  const answers: (() => void)[] = []
  one.handle((_request, response) => void answers.push(() => response.end(JSON.stringify(names(5)))))
  write(source('changed', one, ', guard: { max_drop: 90% }') + source('same', other))
  t.equal((await reload()).status, 200)
  t.same(await held(), [
    ['ok', true, 0],
    ['holding', false, 1],
  ])
  t.equal((await post(`${url}/-/accept?source=changed`)).status, 409)
  t.equal((await post(`${url}/-/accept?source=same`)).status, 200, 'what is held still can be accepted')
  await until('the changed source is read', () => answers.length === 1)
  for (const answer of answers) answer()
  await until(
    'the new list is served',
    async () => (await addresses('changed')).toString().split(',').length === 5,
  )
  t.notMatch(err(), /"source":"changed"[^\n]*drop confirmed/, 'the guard had nothing to confirm')
})
