import t from 'tap'
import { placeOf } from '../../src/model/target-group.ts'
import { readHalf } from '../helpers/app.ts'
import { refreshing } from '../helpers/refreshing.ts'

t.test('what each source last did', async (t) => {
  const { app, publish } = await readHalf(t, { sources: ['cmdb', 'stores'] })
  await publish('stores', ['a:1'])
  const all = await app.inject('/api/v1/sources')
  t.equal(all.headers['cache-control'], 'no-store')
  t.match(all.json(), {
    sources: [
      { name: 'cmdb', state: 'waiting', targets: 0, last_success: null },
      { name: 'stores', state: 'ok', targets: 1, last_success: '2026-01-01T00:00:00.000Z', failure: null },
    ],
  })
  const one = await app.inject('/api/v1/sources?source=stores')
  t.match(one.json(), { sources: [{ name: 'stores' }] })
  const health = await app.inject('/health')
  t.same({ name: 'stores', ...health.json().sources.stores }, one.json().sources[0], 'as on /health')
})

t.test('what joined and left, the newest first, of all sources or of one', async (t) => {
  const { app, store } = await readHalf(t, { sources: ['cmdb', 'stores'] })
  t.same((await app.inject('/api/v1/changes')).json(), { changes: [], next: null })
  const change = {
    atMs: 0,
    targets: 2,
    added: 2,
    removed: 1,
    samples: { added: ['a:1', 'b:1'], removed: ['c:1'] },
  }
  store.noteChange({ source: 'cmdb', ...change })
  store.noteChange({ source: 'stores', ...change, atMs: 1_000 })
  const all = (await app.inject('/api/v1/changes')).json()
  t.same(
    all.changes.map(({ source }: { source: string }) => source),
    ['stores', 'cmdb'],
  )
  t.same((await app.inject('/api/v1/changes?source=cmdb')).json().changes, [
    {
      id: 1,
      source: 'cmdb',
      at: '1970-01-01T00:00:00.000Z',
      targets: 2,
      added: 2,
      removed: 1,
      added_samples: ['a:1', 'b:1'],
      removed_samples: ['c:1'],
    },
  ])
  store.remove('cmdb')
  const left = (await app.inject('/api/v1/changes')).json()
  t.equal(left.changes.length, 2, 'what a source changed that is gone now is told')
})

t.test('changes are remembered within bounds', async (t) => {
  const { app, store } = await readHalf(t)
  const change = { source: 'sensors', targets: 0, added: 0, removed: 0, samples: { added: [], removed: [] } }
  for (let atMs = 0; atMs < 300; atMs++) store.noteChange({ ...change, atMs })
  const { changes } = (await app.inject('/api/v1/changes?limit=1000')).json()
  t.equal(changes.length, 200)
  t.equal(changes[0].at, '1970-01-01T00:00:00.299Z')
})

t.test('79: changes come in pages, without a change twice when others come meanwhile', async (t) => {
  const { app, store } = await readHalf(t, { sources: ['cmdb', 'stores'] })
  const change = { targets: 0, added: 0, removed: 0, samples: { added: [], removed: [] } }
  const note = (atMs: number) => store.noteChange({ ...change, source: atMs % 2 ? 'cmdb' : 'stores', atMs })
  for (let atMs = 0; atMs < 250; atMs++) note(atMs)
  const ids: number[] = []
  let pages = 0
  for (let next = ''; next !== 'null'; pages++) {
    const page = (await app.inject(`/api/v1/changes?limit=60${next && `&before=${next}`}`)).json()
    ids.push(...page.changes.map(({ id }: { id: number }) => id))
    next = String(page.next)
    note(1_000)
  }
  t.equal(pages, 5)
  t.same(
    ids,
    Array.from({ length: 250 }, (_, index) => 250 - index),
  )
  t.equal((await app.inject('/api/v1/changes')).json().changes.length, 100)
  const one = (await app.inject('/api/v1/changes?source=cmdb&limit=10&before=11')).json()
  t.match(one, { changes: [{ id: 10 }, { id: 8 }, { id: 6 }, { id: 4 }, { id: 2 }], next: null })
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'before=0', 'before=-1']) {
    t.match((await app.inject(`/api/v1/changes?${query}`)).json(), { error: { code: 'bad_request' } }, query)
  }
  t.equal((await app.inject('/api/v1/sources?limit=1')).statusCode, 400)
})

t.test('a source that changes all the time pushes out only changes of its own', async (t) => {
  const { app, store } = await readHalf(t, { sources: ['chatty', 'quiet', 'verbose'] })
  const change = { atMs: 0, targets: 0, added: 0, removed: 0, samples: { added: [], removed: [] } }
  store.noteChange({ ...change, source: 'quiet' })
  for (let index = 0; index < 300; index++) store.noteChange({ ...change, source: 'chatty' })
  const shown = async () => {
    const { changes } = (await app.inject('/api/v1/changes?limit=1000')).json() as {
      changes: { source: string }[]
    }
    return ['quiet', 'chatty', 'verbose'].map(
      (name) => changes.filter(({ source }) => source === name).length,
    )
  }
  t.same(await shown(), [1, 200, 0])
  const samples = Array.from({ length: 10 }, (_, index) => `${index}${'x'.repeat(5_000)}`)
  for (let index = 0; index < 300; index++) {
    store.noteChange({ ...change, source: 'verbose', samples: { added: samples, removed: samples } })
  }
  const [quiet, chatty, verbose = 0] = await shown()
  t.same([quiet, chatty], [1, 200], 'nor does one whose changes are large')
  t.ok(verbose > 50 && verbose < 110, 'of which there are fewer')
  const { payload } = await app.inject('/api/v1/changes?limit=1000')
  t.ok(payload.length < 2 ** 20 + 100_000, 'all of them are little')
})

t.test('46: parameters that are not known are 400, unknown sources 404', async (t) => {
  const { app } = await readHalf(t)
  for (const path of ['/api/v1/sources', '/api/v1/changes']) {
    t.equal((await app.inject(`${path}?sources=a`)).statusCode, 400)
    t.equal((await app.inject(`${path}?source=a&source=b`)).statusCode, 400)
    t.equal((await app.inject(`${path}?source=__proto__`)).statusCode, 404)
    t.equal((await app.inject({ method: 'POST', url: path })).statusCode, 405)
  }
})

t.test('55: an address with spaces is shown whole, and what it has of a secret is not', async (t) => {
  const { inventory, refresh, store, clock, metrics } = await refreshing(t)
  inventory.json([
    { targets: ['a b [c', 'redis://user:hunter2@cache:1'], labels: { __param_x: 'y' } },
    { targets: ['d e'] },
  ])
  await refresh()
  const { app } = await readHalf(t, { sources: [], over: { clock, store, metrics } })
  const [joined] = (await app.inject('/api/v1/changes')).json().changes
  t.same(joined.added_samples.sort(), [
    'a b [c [["__param_x","y"]]',
    'd e',
    'redis://<secret>@cache:1 [["__param_x","y"]]',
  ])
})

t.test('55: the parameters of targets that joined or left show no secret', async (t) => {
  const { inventory, refresh, store, clock, metrics } = await refreshing(t, {
    labels: { __param_module: 'if_mib', __param_api_token: '{token}', __param_target: '{url}' },
  })
  const record = (token: string) => ({
    host: `${token}.test`,
    token,
    url: `http://admin:${token}@device/?q=${'x'.repeat(900)}`,
  })
  inventory.json([record('hunter2'), { host: 'plain', token: '', url: '' }])
  await refresh()
  inventory.json([record('correct-horse'), { host: 'plain', token: '', url: '' }])
  await refresh()
  await refresh()
  const { app } = await readHalf(t, { sources: [], over: { clock, store, metrics } })
  const { payload } = await app.inject('/api/v1/changes')
  t.notMatch(payload, /hunter2|correct-horse/)
  const [left, joined] = JSON.parse(payload).changes
  t.match(
    [left, joined],
    [
      { added: 0, removed: 1 },
      { added: 1, removed: 0 },
    ],
  )
  for (const [sample] of [left.removed_samples, joined.added_samples]) {
    t.match(
      sample,
      /^<secret>\.test:9100 \[\["__param_api_token","<secret>"\],\["__param_module","if_mib"\],\["__param_target","http:\/\/<secret>@device\/\?q=x+…$/,
    )
    t.ok(sample.length <= 501, 'what is long is cut')
  }
})

t.test('79: a parameter of 48 KB is no part of a change', async (t) => {
  const { app, store } = await readHalf(t)
  const change = { source: 'sensors', atMs: 0, targets: 1, added: 1, removed: 0 }
  const sample = (value: string) => `a:1${placeOf([['__param_x', value]])}`
  const added = [sample('x'.repeat(48_000)), sample('short')]
  store.noteChange({ ...change, samples: { added, removed: [] } })
  const { changes } = (await app.inject('/api/v1/changes')).json()
  t.same(changes[0].added_samples, ['a:1 [["__param_x","…"]]', 'a:1 [["__param_x","short"]]'])
})
