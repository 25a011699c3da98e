import t from 'tap'
import { names, refreshing } from '../helpers/refreshing.ts'

/** Answers with the status 200 that have no records, and say why. */
const FAILED: readonly (readonly [records: string | undefined, answer: object, sign: string])[] = [
  [undefined, { success: false, data: [] }, 'success is false'],
  [undefined, { success: false, message: 'maintenance', data: [] }, 'success is false'],
  [undefined, { ok: false, result: [] }, 'ok is false'],
  [undefined, { status: 'error', data: [] }, 'status is "error"'],
  [undefined, { Status: 'FAILED', data: [] }, 'Status is "FAILED"'],
  [undefined, { status: 500, data: [] }, 'status is 500'],
  [undefined, { statusCode: 404, data: [] }, 'statusCode is 404'],
  [undefined, { code: 503, msg: 'busy', data: [] }, 'code is 503'],
  ['items', { error: 'x', items: [] }, 'error is not empty'],
  ['data.devices', { errors: [{ message: 'x' }], data: { devices: [] } }, 'errors is not empty'],
  ["data[?state == 'active']", { success: false, data: [{ state: 'gone' }] }, 'success is false'],
]

t.test(
  '26: no records beside a sign of failure are a failed refresh, never an empty inventory',
  async (t) => {
    for (const [records, answer, sign] of FAILED) {
      const { inventory, refresh, served } = await refreshing(t, records === undefined ? {} : { records })
      inventory.json(answer)
      const outcome = await refresh()
      t.match(outcome, { result: 'failed', error: { reason: 'refused' } }, JSON.stringify(answer))
      t.match(outcome.error?.message, `says that it failed: ${sign}.`)
      t.match(outcome.error?.message, /not taken for an empty inventory.*fail_if/)
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

t.test('an answer that is fine, or has records, is no failure', async (t) => {
  for (const answer of [
    { error: null, errors: [], success: true, ok: true, status: 'ok', code: 200, data: names(3) },
    { success: true, status: 'success', code: 0, data: names(3) },
    { status: 'error', data: names(3) },
    { code: 404, data: [{ host: 'a', status: 'error', success: false, error: 'x' }] },
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

t.test('with fail_if, nothing else is a sign of failure beside no records', async (t) => {
  const { inventory, refresh } = await refreshing(t, { failIf: 'fault' })
  inventory.json({ success: false, data: [] })
  t.match(await refresh(), { result: 'held' })
  inventory.json({ success: true, fault: 'x', data: [] })
  t.match(await refresh(), { result: 'failed', error: { message: /fail_if gave/ } })
})
