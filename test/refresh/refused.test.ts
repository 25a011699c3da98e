import t from 'tap'
import { httpSource } from '../helpers/http-source.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { names, refreshing } from '../helpers/refreshing.ts'

const FILTERED = `headers."x-consul-results-filtered-by-acls" == 'true'`

/** Answers with the status 200 that say that they failed, without records and with some. */
const FAILED: readonly (readonly [records: string | undefined, answer: object, sign: string])[] = [
  [undefined, { success: false, data: [] }, 'success is false'],
  [undefined, { success: false, message: 'maintenance', data: [] }, 'success is false'],
  [undefined, { ok: false, result: [] }, 'ok is false'],
  [undefined, { ok: 0, result: [] }, 'ok is 0'],
  [undefined, { success: '0', data: names(3) }, 'success is "0"'],
  [undefined, { status: 'error', data: [] }, 'status is "error"'],
  [undefined, { Status: 'FAILED', data: [] }, 'Status is "FAILED"'],
  [undefined, { status: 500, data: [] }, 'status is 500'],
  [undefined, { statusCode: 404, data: [] }, 'statusCode is 404'],
  [undefined, { code: 503, msg: 'busy', data: [] }, 'code is 503'],
  ['items', { error: 'x', items: [] }, 'error is not empty'],
  ['data.devices', { errors: [{ message: 'x' }], data: { devices: [] } }, 'errors is not empty'],
  ["data[?state == 'active']", { success: false, data: [{ state: 'gone' }] }, 'success is false'],
  [undefined, { success: false, data: names(3) }, 'success is false'],
  [undefined, { ok: 'False', data: names(3) }, 'ok is "False"'],
  [undefined, { status: 'error', data: names(3) }, 'status is "error"'],
  [undefined, { result: 'failure', data: names(3) }, 'result is "failure"'],
  [undefined, { code: 404, data: [{ host: 'a' }] }, 'code is 404'],
  [undefined, { httpStatus: 502, data: names(3) }, 'httpStatus is 502'],
  ['items', { error: 'shard 3 is away', items: names(3) }, 'error is not empty'],
  ['data.devices', { errors: [{ message: 'x' }], data: { devices: names(3) } }, 'errors is not empty'],
  ['items[?@]', { status: 'failed', items: names(3) }, 'status is "failed"'],
]

t.test(
  '26: whatever is beside a sign of failure, the refresh failed: nothing is emptied, no part is the whole',
  async (t) => {
    for (const [records, answer, sign] of FAILED) {
      const { inventory, refresh, served } = await refreshing(t, records === undefined ? {} : { records })
      inventory.json(answer)
      const outcome = await refresh()
      t.match(outcome, { result: 'failed', error: { reason: 'refused' } }, JSON.stringify(answer))
      t.match(outcome.error?.message, `says that it failed: ${sign}`)
      t.match(outcome.error?.message, /not accepted as the inventory.*fail_if/)
      t.equal(served(), undefined)
    }
  },
)

t.test(
  '26: without records configured, what is in error or errors fails whatever else is there',
  async (t) => {
    const { inventory, refresh } = await refreshing(t)
    for (const answer of [
      { error: 'x', items: [] },
      { error: 'x', items: names(3) },
      { errors: [{ message: 'x' }], data: { devices: [] } },
    ]) {
      inventory.json(answer)
      t.match(await refresh(), { result: 'failed', error: { reason: 'refused' } }, JSON.stringify(answer))
    }
    inventory.json({ success: false, message: 'maintenance' })
    t.match(await refresh(), { result: 'failed', error: { reason: 'shape' } }, 'no list at all')
  },
)

t.test('an answer that is fine is no failure, whatever its records say', async (t) => {
  for (const answer of [
    { error: null, errors: [], success: true, ok: true, status: 'ok', code: 200, data: names(3) },
    { success: true, status: 'success', code: 0, data: names(3) },
    { code: 0, warnings: ['slow'], data: [{ host: 'a', status: 'error', success: false, error: 'x' }] },
    { meta: { status: 'error', success: false }, data: names(3) },
    { ok: 0, warning: 2, critical: 1, data: names(3) },
    { success: 1, ok: { toString: 0 }, data: names(3) },
    { targets: ['a:1'], labels: {}, host: 'a', status: 'error', success: false },
    [{ host: 'a', status: 'error', success: false, error: 'x', code: 500 }],
  ]) {
    const { inventory, refresh } = await refreshing(t)
    inventory.json(answer)
    t.match(await refresh(), { result: 'changed' }, JSON.stringify(answer))
  }
  for (const answer of [
    [],
    { error: null, errors: [], success: true, status: 'ok', code: 200, data: [] },
    { status: 200, limit: 500, result: [] },
    { status: 'no errors', code: '500', data: [] },
  ]) {
    const { inventory, refresh } = await refreshing(t)
    inventory.json(answer)
    t.match(await refresh(), { result: 'held' }, `${JSON.stringify(answer)}, a first list that is empty`)
  }
})

t.test('fail_if sees the headers too: a token that lost its policy gets an empty list', async (t) => {
  const rows: [failIf: string, headers: Record<string, string>, answer: unknown, isFailure: boolean][] = [
    [FILTERED, { 'X-Consul-Results-Filtered-By-ACLs': 'true' }, [], true],
    [FILTERED, {}, names(3), false],
    [`${FILTERED} && length(body) == \`0\``, { 'X-Consul-Results-Filtered-By-ACLs': 'true' }, [], true],
    [
      `${FILTERED} && length(body) == \`0\``,
      { 'X-Consul-Results-Filtered-By-ACLs': 'true' },
      names(3),
      false,
    ],
    ["headers.x == '1' || fault", { x: '1' }, { items: names(3) }, true],
    ["headers.x == '1' || fault", {}, { items: names(3), fault: 'x' }, true],
    ["headers.x == '1' || fault", {}, { items: names(3) }, false],
    ['headers.x', { x: '1' }, { items: names(3), headers: { y: 1 } }, false],
    ['fault', { fault: '1' }, { items: names(3) }, false],
    ['length(@) == `0`', {}, [], true],
  ]
  for (const [failIf, headers, answer, isFailure] of rows) {
    const { inventory, refresh } = await refreshing(t, { failIf })
    inventory.handle((_request, response) => response.writeHead(200, headers).end(JSON.stringify(answer)))
    const { result, error } = await refresh()
    t.equal(error?.reason, isFailure ? 'refused' : undefined, failIf)
    t.equal(result, isFailure ? 'failed' : 'changed', failIf)
  }
})

t.test('the same bytes with other headers are another answer', async (t) => {
  const rows: [
    failIf: string | undefined,
    status: number,
    headers: Record<string, string>,
    reason: string,
  ][] = [
    ["headers.x == '1'", 200, { x: '1' }, 'refused'],
    [undefined, 206, {}, 'pagination'],
    [undefined, 200, { 'X-Total-Count': '4' }, 'pagination'],
    [undefined, 200, { 'X-Is-Last': 'false' }, 'pagination'],
    [undefined, 200, { 'X-Pagination': '{"totalPages":2}' }, 'pagination'],
    [undefined, 200, { Link: '<?page=2>; rel="next"' }, 'pagination'],
  ]
  for (const [failIf, status, headers, reason] of rows) {
    const { inventory, refresh, addresses } = await refreshing(t, failIf === undefined ? {} : { failIf })
    inventory.json(names(4))
    await refresh()
    inventory.json(names(3))
    await refresh()
    inventory.handle((_request, response) =>
      response.writeHead(status, headers).end(JSON.stringify(names(3))),
    )
    for (let reading = 0; reading < 3; reading++) t.match(await refresh(), { error: { reason } }, reason)
    t.equal(addresses().length, 4, 'it proves nothing')
    inventory.handle((_request, response) =>
      response.writeHead(200, { 'x-request-id': '7' }).end(JSON.stringify(names(3))),
    )
    t.match(await refresh(), { result: 'changed' })
    t.equal(addresses().length, 3)
  }
})

t.test('why an answer failed is told, but no secret that it was asked with', async (t) => {
  const inventory = await inventoryServer(t)
  const rows: [
    answer: Record<string, unknown>,
    records: string | undefined,
    failIf: string | undefined,
    told: string,
  ][] = [
    [{ success: false, message: 'no hunter2-2' }, 'data', undefined, 'success is false (no <secret>).'],
    [{ error: { detail: 'no hunter2-2' } }, undefined, undefined, 'something in error (no <secret>).'],
    [{ message: 'no hunter2-2' }, undefined, undefined, 'a text in message (no <secret>), which may say why'],
    [{ errors: [{ message: 'no hunter2-2' }] }, 'data', 'errors', 'fail_if gave a list (no <secret>)'],
    [{ errors: true, title: 'no' }, 'data', 'errors', 'fail_if gave a boolean (no)'],
    [{ errors: true }, 'data', 'errors', 'fail_if gave a boolean'],
    [{ next: '/?token=hunter2-2&page=2' }, 'data', undefined, 'next is "/?…"'],
    [{ next: `${'x'.repeat(71)}hunter2-2` }, 'data', undefined, `next is "${'x'.repeat(71)}<secret>…`],
    [{ success: false, message: 'NO HUNTER2-2' }, 'data', undefined, 'success is false (NO <secret>).'],
  ]
  for (const [answer, records, failIf, told] of rows) {
    const http = { url: inventory.url.href, authorization: { credentials: 'hunter2-2' } }
    const source = await httpSource(t, http)
    const { refresh } = await refreshing(t, {
      source,
      isPaged: false,
      ...(records && { records }),
      ...(failIf && { failIf }),
    })
    inventory.json({ data: [], ...answer })
    const { error } = await refresh()
    t.match(error?.message, told)
    t.notMatch(error?.message, /hunter2/i)
  }
})

t.test('with fail_if, nothing else is a sign of failure', async (t) => {
  const { inventory, refresh } = await refreshing(t, { failIf: 'fault' })
  inventory.json({ success: false, data: [] })
  t.match(await refresh(), { result: 'held' })
  inventory.json({ success: false, error: 'x', errors: ['y'], status: 'failed', data: names(3) })
  t.match(await refresh(), { result: 'changed' })
  inventory.json({ success: true, fault: 'x', data: [] })
  t.match(await refresh(), { result: 'failed', error: { message: /fail_if gave/ } })
})

t.test('73, 74: a part changes nothing that is served, whether records is configured or not', async (t) => {
  const [all, part] = [names(3), names(2)]
  const rows: [
    records: string | undefined,
    headers: Record<string, string>,
    body: (list: string[]) => unknown,
  ][] = [
    [undefined, { 'X-Total-Count': '3' }, (list) => list],
    ['items', { 'X-Total-Count': '3' }, (items) => ({ items })],
    ['items', {}, (items) => ({ items, total: 3 })],
    ["items[?@ != 'x']", {}, (items) => ({ items, next: items.length < 3 ? '/2' : null })],
  ]
  for (const [records, headers, body] of rows) {
    const { inventory, refresh, served } = await refreshing(t, records === undefined ? {} : { records })
    const answer = (list: string[]) =>
      inventory.handle((_request, response) =>
        response.writeHead(200, headers).end(JSON.stringify(body(list))),
      )
    answer(all)
    t.match(await refresh(), { result: 'changed' })
    answer(part)
    for (const _ of all) t.match(await refresh(), { result: 'failed', error: { reason: 'pagination' } })
    t.equal(served()?.targets, 3)
  }
})
