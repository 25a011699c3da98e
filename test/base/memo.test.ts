import t from 'tap'
import { memo } from '../../src/base/memo.ts'

function counted(limit?: number) {
  let computed = 0
  const remembered = memo((text) => {
    computed++
    return text === 'none' ? null : text.toUpperCase()
  }, limit)
  return { remembered, computed: () => computed }
}

t.test('a result is computed once, null too', async (t) => {
  const { remembered, computed } = counted()
  for (let turn = 0; turn < 3; turn++) {
    t.equal(remembered('a'), 'A')
    t.equal(remembered('none'), null)
  }
  t.equal(computed(), 2)
})

t.test('long texts are not remembered', async (t) => {
  const { remembered, computed } = counted()
  remembered('x'.repeat(257))
  remembered('x'.repeat(257))
  t.equal(computed(), 2)
})

t.test('a full memo that was of use starts anew', async (t) => {
  const { remembered, computed } = counted(2)
  for (const text of ['a', 'b', 'a', 'b']) remembered(text)
  t.equal(computed(), 2)
  remembered('c')
  remembered('c')
  t.equal(computed(), 3, 'goes on remembering')
  remembered('a')
  t.equal(computed(), 4, 'but has forgotten')
})

t.test('a full memo that was of no use rests, and then remembers again', async (t) => {
  const { remembered, computed } = counted(2)
  for (const text of ['a', 'b', 'c']) remembered(text)
  for (let turn = 0; turn < 32; turn++) t.equal(remembered('d'), 'D')
  t.equal(computed(), 35, 'rests for 16 lookups for each of its 2 entries')
  remembered('d')
  remembered('d')
  t.equal(computed(), 36)
})
