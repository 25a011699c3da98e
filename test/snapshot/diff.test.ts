import t from 'tap'
import { diffAddresses } from '../../src/snapshot/diff.ts'

t.test('addresses that joined and left are counted', async (t) => {
  t.same(diffAddresses(new Set(['a', 'b']), new Set(['b', 'c', 'd'])), { added: 2, removed: 1 })
  t.same(diffAddresses(new Set(), new Set()), { added: 0, removed: 0 })
})
