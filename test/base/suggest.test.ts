import t from 'tap'
import { suggest } from '../../src/base/suggest.ts'

t.test('the nearest known word is suggested, a far one is not', async (t) => {
  const known = ['refresh_interval', 'timeout', 'url']
  t.equal(suggest('refresh_intervall', known), 'refresh_interval')
  t.equal(suggest('Timeout', known), 'timeout')
  t.equal(suggest('ulr', known), 'url')
  t.equal(suggest('password', known), undefined)
  t.equal(suggest('x', []), undefined)
  t.equal(suggest('ip', ['os', 'id']), 'id', 'of two letters one must be right')
  t.equal(suggest('ip', ['os']), undefined)
})
