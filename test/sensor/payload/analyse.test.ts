import t from 'tap'
import { analyse } from '../../../src/sensor/payload/analyse.ts'

const analysed = (body: unknown) => {
  let ms = 0
  const bytes =
    body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return analyse(bytes, () => {
    ms += 1.23456
    return ms
  })
}

t.test('the example of the documentation', async (t) => {
  t.same(analysed({ numbers: [1, 2, 3, 4, 5], text: 'Sample text for analysis' }), {
    numeric_analysis: { minimum: 1, maximum: 5, mean: 3, median: 3, standard_deviation: 1.58, count: 5 },
    text_analysis: {
      word_count: 4,
      character_count: 24,
      character_count_no_spaces: 21,
      sentence_count: 1,
      paragraph_count: 1,
    },
    processing_time_ms: 1.235,
  })
})

t.test('a part that is missing or empty is null', async (t) => {
  t.match(analysed({ numbers: [1] }), { numeric_analysis: { count: 1 }, text_analysis: null })
  t.match(analysed({ numbers: [1], text: '' }), { numeric_analysis: { count: 1 }, text_analysis: null })
  t.match(analysed({ text: 'a' }), { numeric_analysis: null, text_analysis: { word_count: 1 } })
  t.match(analysed({ numbers: [], text: 'a' }), { numeric_analysis: null, text_analysis: { word_count: 1 } })
})

t.test('ten thousand numbers are taken', async (t) => {
  t.equal(analysed({ numbers: Array(10_000).fill(1) }).numeric_analysis?.count, 10_000)
})

t.test('what is wrong is named', async (t) => {
  const rows: [body: unknown, code: string, message: string | RegExp][] = [
    ['', 'bad_request', /^the body is empty/],
    ['{', 'bad_request', /^the body is not JSON: /],
    ['{"numbers":[NaN]}', 'bad_request', /JSON has no NaN and no Infinity$/],
    ['{"numbers":[1,-Infinity]}', 'bad_request', /JSON has no NaN and no Infinity$/],
    [Buffer.from([0x22, 0xff, 0x22]), 'bad_request', 'the body is not UTF-8'],
    ['[]', 'bad_request', /^a list is not an object/],
    ['null', 'bad_request', /^null is not an object/],
    ['5', 'bad_request', /^5 is not an object/],
    [JSON.stringify('x'.repeat(100)), 'bad_request', /^"x{59}…" is not an object/],
    [`${'['.repeat(200_000)}${']'.repeat(200_000)}`, 'bad_request', /^a list is not an object/],
    [{}, 'bad_request', /^nothing to analyse/],
    [{ numbers: [], text: '' }, 'bad_request', /^nothing to analyse/],
    [{ number: [1] }, 'bad_request', '"number" is not a field of a payload; did you mean "numbers"?'],
    [
      '{"__proto__":{"text":"a"}}',
      'bad_request',
      '"__proto__" is not a field of a payload; there are "numbers" and "text"',
    ],
    [{ numbers: 5 }, 'bad_request', 'numbers: 5 is not a list of numbers'],
    [{ numbers: null }, 'bad_request', 'numbers: null is not a list of numbers'],
    [{ numbers: { a: 1 } }, 'bad_request', 'numbers: an object is not a list of numbers'],
    [{ numbers: [1, '2'] }, 'bad_request', 'numbers[1]: "2" is not a number'],
    [{ numbers: [true] }, 'bad_request', 'numbers[0]: true is not a number'],
    ['{"numbers":[1e999]}', 'bad_request', 'numbers[0]: beyond 1.8e308, the largest supported number'],
    [{ numbers: [1.7e308, -1.7e308] }, 'bad_request', /standard deviation is beyond/],
    [
      { numbers: Array(10_001).fill(1) },
      'payload_too_large',
      'numbers: 10001 numbers; at most 10000 are allowed',
    ],
    [{ text: 5 }, 'bad_request', 'text: 5 is not a text'],
    [{ text: ['a'] }, 'bad_request', 'text: a list is not a text'],
  ]
  for (const [body, code, message] of rows) {
    t.throws(() => analysed(body), { code, message }, String(message))
  }
})
