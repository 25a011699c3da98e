import t from 'tap'
import { reasonIn } from '../../src/model/reason.ts'
import type { Json } from '../../src/model/record.ts'

t.test('the reason in an answer is found wherever APIs put it', async (t) => {
  const rows: [what: string, told: Json, reason: string | undefined][] = [
    ['error', { error: 'no permission' }, 'no permission'],
    ['an object in error', { error: { code: 'E7', message: 'no permission' } }, 'no permission'],
    ['OAuth', { error: 'invalid_scope', error_description: 'no permission' }, 'no permission'],
    [
      'problem details',
      { type: 'about:blank', title: 'Forbidden', status: 403, detail: 'no permission' },
      'no permission',
    ],
    ['only a title', { title: 'Forbidden' }, 'Forbidden'],
    ['a list of errors', { errors: [{ message: 'no permission' }, { message: 'b' }] }, 'no permission'],
    ['a list of texts', { errors: ['no permission'] }, 'no permission'],
    ['errorMessages', { errorMessage: 'no permission', data: [] }, 'no permission'],
    ['a fault', { fault: { faultstring: 'no permission' } }, 'no permission'],
    ['a text', 'no permission', 'no permission'],
    ['a code', { error: { code: 'E7' } }, 'E7'],
    ['nothing', { error: {}, errors: [], message: '', data: ['x'], n: 5 }, undefined],
    ['white space', { message: ' \n ' }, undefined],
    ['far below', { error: { error: { error: { error: { error: 'x' } } } } }, undefined],
    ['a number', 5, undefined],
    ['null', null, undefined],
  ]
  for (const [what, told, reason] of rows) t.equal(reasonIn(told), reason, what)
})

t.test('a reason is one line, cut after a word, and harmless', async (t) => {
  t.equal(reasonIn({ error: 'a\r\n  b\u001b[31m\u202e' }), 'a b\\u001b[31m\\u202e')
  t.equal(reasonIn({ error: 'at http://user:hunter2@host/' }), 'at http://…@host/')
  t.equal(
    reasonIn({ error: `${'word '.repeat(23)}hunter2-hunter2-hunter2 and more` }),
    `${'word '.repeat(23)}…`,
  )
  t.equal(reasonIn({ error: 'x'.repeat(5_000) }), '…')
})
