import t from 'tap'
import { diffTargets, targetsIn } from '../../src/snapshot/diff.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'

const listOf = (...groups: { targets: string[]; labels: [string, string][] }[]) =>
  targetsIn(encodeGroups(groups))

t.test('targets that joined and left', async (t) => {
  const diff = diffTargets(new Set(['a', 'b']), new Set(['b', 'c', 'd']))
  t.same(diff, { added: 2, removed: new Set(['a']) })
  t.same(diffTargets(new Set(), new Set()), { added: 0, removed: new Set() })
})

t.test('a target is what would be scraped: address, scheme, path and parameters', async (t) => {
  const devices = ['one', 'two'].map((device) => ({
    targets: ['exporter:9116'],
    labels: [['__param_target', device]] as [string, string][],
  }))
  t.equal(listOf(...devices).size, 2, 'two devices behind one exporter')
  t.equal(
    listOf({ targets: ['a:1'], labels: [['__scheme__', 'https']] }, { targets: ['a:1'], labels: [] }).size,
    2,
  )
  t.equal(
    listOf({ targets: ['a:1'], labels: [['__metrics_path__', '/m']] }, { targets: ['a:1'], labels: [] }).size,
    2,
  )
})

t.test('a target that only gets another label is the same target', async (t) => {
  t.same(
    listOf({ targets: ['a:1'], labels: [['site', 'x']] }),
    listOf({ targets: ['a:1'], labels: [['site', 'y']] }),
  )
  t.equal(targetsIn(Buffer.from('[]')).size, 0)
})
