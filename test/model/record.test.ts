import t from 'tap'
import { fieldOf, isObject } from '../../src/model/record.ts'

t.test('only own fields are read, so no prototype ever shows through', async (t) => {
  const hostile = JSON.parse('{"__proto__": {"host": "evil"}, "a": 1}')
  t.equal(fieldOf(hostile, 'a'), 1)
  t.equal(fieldOf(hostile, 'host'), undefined)
  t.same(fieldOf(hostile, '__proto__'), { host: 'evil' })
  t.equal(fieldOf({}, 'constructor'), undefined)
  t.equal(fieldOf('text', 'length'), undefined)
  t.equal(fieldOf(undefined, 'a'), undefined)
})

t.test('a list and null are no objects', async (t) => {
  t.ok(isObject({}))
  for (const value of [null, [], 'a', 1, true, undefined]) t.notOk(isObject(value))
})
