import t from 'tap'
import type { RefreshError } from '../../src/base/errors.ts'
import { createJsonElements, parseJson } from '../../src/prometheus/json-elements.ts'

/** Reads a document in pieces of a size. */
function read(text: string, size = text.length) {
  const elements: [list: string, element: unknown][] = []
  const reader = createJsonElements((list, text) => void elements.push([list, parseJson(text)]))
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) reader.add(bytes.subarray(at, at + size))
  return { elements, rest: reader.end() }
}

const HOSTILE = { name: '}]\\"{[,é€😀', inner: { list: [{ deep: ['"'] }] } }

t.test('objects in lists are read one by one, wherever the pieces of the document end', async (t) => {
  const document = {
    status: 'success',
    data: {
      activeTargets: [HOSTILE, { b: 1 }],
      droppedTargets: [HOSTILE],
      droppedTargetCounts: { a: 1 },
      none: [],
    },
    warnings: ['x]{'],
  }
  for (const text of [JSON.stringify(document), JSON.stringify(document, null, 2)])
    for (const size of [1, 2, 3, 7, 64, text.length]) {
      const { elements, rest } = read(text, size)
      t.same(elements, [
        ['activeTargets', HOSTILE],
        ['activeTargets', { b: 1 }],
        ['droppedTargets', HOSTILE],
      ])
      t.same(rest, { ...document, data: { ...document.data, activeTargets: [], droppedTargets: [] } })
    }
})

/** Why a document cannot be read; undefined: it can. */
function reasonOf(text: string, size?: number): string | undefined {
  try {
    read(text, size)
    return undefined
  } catch (error) {
    return (error as RefreshError).reason
  }
}

t.test('what is cut off, or no JSON, fails', async (t) => {
  const whole = '{"status":"success","data":{"activeTargets":[{"a":1},{"b":2}]}}'
  t.equal(reasonOf(whole), undefined)
  for (let length = 0; length < whole.length; length++)
    t.equal(reasonOf(whole.slice(0, length), 5), 'parse', `${length} bytes`)
  for (const text of ['<html>', '}}}}}', '{"data":{"a":[{x}]}}', `${whole}x`])
    t.equal(reasonOf(text), 'parse', text)
})

t.test('memory is bounded', async (t) => {
  const long = 'x'.repeat(2 ** 20)
  t.equal(reasonOf(`{"data":{"activeTargets":[{"a":"${long}"}]}}`, 1_000), 'too_large')
  t.equal(reasonOf(`{"error":"${long}"}`, 1_000), 'too_large')
})

t.test('lists that have something else in them are refused, without taking long for it', async (t) => {
  const document = `{"data":{"activeTargets":[${'{},null,'.repeat(60_000)}{}]}}`
  const started = performance.now()
  t.throws(() => read(document, 65_536), { name: 'RefreshError', message: /not JSON/ })
  t.ok(performance.now() - started < 3_000, 'in a moment')
})
