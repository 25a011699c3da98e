import t from 'tap'
import { createMakers } from '../../src/explain/makers.ts'

const at = (index: number) => ({ source: 'a', position: { document: 'page 1', index } })
const target = (site?: string) => ({
  address: 'x:1',
  labels: site === undefined ? [] : ([['site', site]] as const),
})

t.test('what else makes a target is told, with the labels that differ', async (t) => {
  const makers = createMakers()
  makers.add(target('berlin'), at(0))
  t.same(makers.othersOf(target('berlin'), at(0)), [])
  t.same(makers.othersOf({ address: 'y:1', labels: [] }, at(0)), [])
  t.match(makers.othersOf(target('berlin'), at(1)), [/^record 0 \(from 0\) of page 1 makes .* too$/])
  t.match(makers.othersOf(target('paris'), at(1)), [/too, with site="berlin"$/])
  makers.add(target(), { source: 'b', position: undefined })
  t.match(makers.othersOf(target('berlin'), at(0)), [/^the source b makes .* too, with no site$/])
  for (let index = 1; index < 9; index++) makers.add(target('berlin'), at(index))
  t.equal(makers.othersOf(target('berlin'), at(8)).length, 4, 'four at most')
})

t.test('labels that say where a target is scraped tell it apart, and secrets are masked', async (t) => {
  const makers = createMakers()
  makers.add({ address: 'x:1', labels: [['__metrics_path__', '/a']] }, at(0))
  t.same(makers.othersOf({ address: 'x:1', labels: [['__metrics_path__', '/b']] }, at(1)), [])
  makers.add({ address: 'y:1', labels: [['password', 'c4n4ry']] }, at(0))
  const [text] = makers.othersOf({ address: 'y:1', labels: [['password', 'other']] }, at(1))
  t.match(text, /with password=/)
  t.notMatch(text, /c4n4ry/)
})
