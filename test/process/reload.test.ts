import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { acceptHeld, heldDigests } from '../helpers/accept.ts'
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
  const write = (text: string, more = '') =>
    writeFileSync(path, `global: { refresh_interval: 1h }\nsources:\n${text.replace(/^/gm, '  ')}\n${more}`)
  write(sources)
  const server = await start(t, [`--config.file=${path}`, '--web.enable-lifecycle'], { METRICS_PORT: '9200' })
  const addresses = async (source: string) => {
    const answer = await fetch(`${server.url}/targets/${source}`)
    if (answer.status !== 200) return answer.status
    const groups = (await answer.json()) as { targets: string[] }[]
    return groups.flatMap(({ targets }) => targets)
  }
  /** The sources whose lists are in that of all, in order; or the status. */
  const sourcesIn = async () => {
    const answer = await fetch(`${server.url}/targets`)
    if (answer.status !== 200) return answer.status
    const groups = (await answer.json()) as { labels: Record<string, string> }[]
    return groups.map(({ labels }) => labels.__meta_rollcall_source)
  }
  return { ...server, write, addresses, sourcesIn, reload: () => post(`${server.url}/-/reload`) }
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
  const inventory = await inventoryServer(t, names(20))
  const small = await inventoryServer(t, ['b'])
  const down = await inventoryServer(t, ['c'])
  await down.stop()
  const source = (name: string, at = inventory.url) =>
    `- { name: ${name}, http: { url: "${at}" }, timeout: 5s }\n`
  const { url, write, reload, addresses, sourcesIn } = await reloadable(
    t,
    source('stays') + source('goes', small.url),
  )
  await until('both are served', async () => (await fetch(`${url}/targets`)).status === 200)
  const before = (await fetch(`${url}/targets/stays`)).headers.get('etag')
  write(source('stays') + source('comes', down.url))
  t.equal((await reload()).status, 200)
  t.equal(await addresses('goes'), 404)
  t.notMatch(await metrics(url), 'source="goes"', 'and its series')
  t.equal((await fetch(`${url}/targets/stays`)).headers.get('etag'), before)
  t.equal((await fetch(`${url}/ready`)).status, 200)
  t.same(await sourcesIn(), ['stays', 'goes'], 'nothing leaves before what was added is read')
  t.equal(await addresses('comes'), 503)
  await down.restart()
  t.equal((await post(`${url}/-/refresh?source=comes`)).status, 200)
  t.same(await addresses('comes'), ['c:9100'])
  await until('its targets leave, once another reading lacks them', async () => {
    await post(`${url}/-/refresh?source=comes`)
    return String(await sourcesIn()) === 'comes,stays'
  })
})

t.test(
  '38, 63: a reload that removes most of all targets, or a renamed source: held until accepted',
  async (t) => {
    const [large, small] = [await inventoryServer(t, names(20)), await inventoryServer(t, ['a'])]
    const source = (name: string, { url }: { url: URL }) => `- { name: ${name}, http: { url: "${url}" } }\n`
    const { url, write, reload, sourcesIn } = await reloadable(
      t,
      source('large', large) + source('small', small),
    )
    await until('both are served', async () => (await fetch(`${url}/targets`)).status === 200)
    write(source('small', small))
    t.equal((await reload()).status, 200)
    t.same(await sourcesIn(), ['small', 'large'])
    t.equal(seriesValue(await metrics(url), 'rollcall_guard_holding'), 1)
    t.match(await (await fetch(`${url}/health`)).json(), {
      removed: { held: [{ reason: 'removed', targets: 20, sources: ['large'] }] },
    })
    write(source('small', small) + source('large', large))
    t.equal((await reload()).status, 200)
    t.same(await sourcesIn(), ['large', 'small'], 'it is back, as it was')
    t.equal(seriesValue(await metrics(url), 'rollcall_guard_holding'), 0)
    write(source('small', small) + source('renamed', large))
    t.equal((await reload()).status, 200)
    await until('what it has is served under the new name', async () => {
      return String(await sourcesIn()) === 'renamed,small'
    })
    t.equal(seriesValue(await metrics(url), 'rollcall_guard_holding'), 0, 'nothing was missing')
    write(source('small', small))
    t.equal((await reload()).status, 200)
    await acceptHeld(url)
    t.same(await sourcesIn(), ['small'])
    t.equal(seriesValue(await metrics(url), 'rollcall_guard_holding'), 0)
  },
)

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
  await until(
    'the new one is served',
    async () => (await addresses('sensors')).toString() === 'a:9100,a:9200',
  )
  t.match(await (await fetch(`${url}/health`)).json(), {
    sources: { sensors: { held: [{ reason: 'configuration', until: null, samples: ['a:9100'] }] } },
  })
  await acceptHeld(url, 'sensors')
  t.same(await addresses('sensors'), ['a:9200'])
})

t.test('1: the last source that has a list goes: what it had stays, and never an empty list', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const down = await inventoryServer(t)
  await down.stop()
  const { url, write, reload, sourcesIn } = await reloadable(
    t,
    `- { name: old, http: { url: "${inventory.url}" } }`,
  )
  await until('the list is served', async () => (await fetch(`${url}/targets`)).status === 200)
  write(`- { name: new, http: { url: "${down.url}" } }`)
  t.equal((await reload()).status, 200)
  t.same(await sourcesIn(), ['old'])
  await acceptHeld(url)
  t.equal(await sourcesIn(), 503)
})

t.test('25: targets that many are missing with are held, until an operator accepts it', async (t) => {
  const inventory = await inventoryServer(t, names(20))
  const { url, addresses } = await reloadable(t, `- { name: sensors, http: { url: "${inventory.url}" } }`)
  await until('the list is served', async () => (await addresses('sensors')) !== 503)
  const accept = (query: string) => post(`${url}/-/accept${query}`)
  t.equal((await accept(`?digest=${'0'.repeat(64)}`)).status, 409, 'nothing is held')
  inventory.json([...names(5), 'new'])
  t.match(await (await post(`${url}/-/refresh`)).json(), { results: [{ result: 'held', targets: 21 }] })
  t.equal(seriesValue(await metrics(url), 'rollcall_source_guard_holding', { source: 'sensors' }), 1)
  t.equal(seriesValue(await metrics(url), 'rollcall_source_targets_absent', { source: 'sensors' }), 15)
  t.equal(seriesValue(await metrics(url), 'rollcall_source_stale', { source: 'sensors' }), 0)
  const [digest] = await heldDigests(url, 'sensors')
  t.equal((await accept(`?source=sensors&digest=${'0'.repeat(64)}`)).status, 409)
  const answer = await accept(`?source=sensors&digest=${digest}`)
  t.equal(answer.status, 200)
  t.same(await answer.json(), { results: [{ source: 'sensors', result: 'changed', targets: 6 }] })
  t.same(
    await addresses('sensors'),
    [...names(5), 'new'].map((name) => `${name}:9100`),
  )
  const text = await metrics(url)
  t.equal(seriesValue(text, 'rollcall_source_guard_holding', { source: 'sensors' }), 0)
  t.equal(seriesValue(text, 'rollcall_source_targets_absent', { source: 'sensors' }), 0)
  t.equal((await accept(`?digest=${digest}`)).status, 409, 'it is not held any more')
  t.equal((await accept('')).status, 400)
  t.equal((await accept(`?digest=${digest}&source=none`)).status, 404)
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

t.test('25: a digest in the configuration accepts what has it, for those who have no POST', async (t) => {
  const inventory = await inventoryServer(t, names(20))
  const source = (more = '') => `- { name: sensors, http: { url: "${inventory.url}" }${more} }`
  const { url, write, reload, addresses } = await reloadable(t, source())
  await until('the list is served', async () => (await addresses('sensors')) !== 503)
  inventory.json(names(5))
  t.equal((await post(`${url}/-/refresh`)).status, 200)
  const [digest] = await heldDigests(url, 'sensors')
  write(source(`, guard: { accept: ${'f'.repeat(64)} }`))
  t.equal((await reload()).status, 200)
  t.equal((await post(`${url}/-/refresh`)).status, 200)
  t.same(await heldDigests(url, 'sensors'), [digest], 'another digest says nothing')
  write(source(`, guard: { accept: ${digest} }`))
  t.equal((await reload()).status, 200)
  await until('they leave', async () => (await addresses('sensors')).toString().split(',').length === 5)
})

t.test('a reload with another guard goes on with what is held', async (t) => {
  const [one, other] = [await inventoryServer(t, names(20)), await inventoryServer(t, names(20))]
  const source = (name: string, { url }: { url: URL }, more = '') =>
    `- { name: ${name}, http: { url: "${url}" }${more} }\n`
  const { url, write, reload, addresses } = await reloadable(
    t,
    source('changed', one) + source('same', other),
  )
  await until('both are served', async () => (await fetch(`${url}/targets`)).status === 200)
  one.json(names(5))
  other.json(names(5))
  t.equal((await post(`${url}/-/refresh`)).status, 200)
  const states = async () => {
    const text = await metrics(url)
    return ['changed', 'same'].map((name) => [
      seriesValue(text, 'rollcall_source_guard_holding', { source: name }),
      seriesValue(text, 'rollcall_source_targets', { source: name }),
    ])
  }
  const held = [
    [1, 20],
    [1, 20],
  ]
  t.same(await states(), held)
  // It answers when it is told to: until then nothing new is known of the source.
  const answers: (() => void)[] = []
  one.handle((_request, response) => void answers.push(() => response.end(JSON.stringify(names(5)))))
  write(source('changed', one, ', guard: { max_drop: 90% }') + source('same', other))
  t.equal((await reload()).status, 200)
  t.same(await states(), held)
  await until('the changed source is read', () => answers.length === 1)
  one.json(names(5))
  for (const answer of answers) answer()
  await until(
    'its targets leave',
    async () => (await addresses('changed')).toString().split(',').length === 5,
  )
  t.equal((await states())[1]?.[0], 1, 'the other source is as it was')
  await acceptHeld(url, 'same')
  t.same(await addresses('same'), await addresses('changed'))
})

t.test('a reload that changes cluster asks for a restart, and loads nothing of it', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const good = `- { name: sensors, http: { url: "${inventory.url}" } }`
  const { write, reload, err } = await reloadable(t, good)
  t.equal((await reload()).status, 200)
  t.notMatch(err(), 'cluster has changed')
  write(good, 'cluster: { redis: { url: "redis://127.0.0.1:1" }, signing_key_file: key }\n')
  t.equal((await reload()).status, 200)
  // Its log may come later than its answer.
  await until('the restart is asked for', () => err().includes('cluster has changed'))
})
