import fc from 'fast-check'
import t from 'tap'
import { createThreads } from '../../src/base/threads.ts'
import type { TargetGroup } from '../../src/model/target-group.ts'
import { createSearcher, type Search, searchLists } from '../../src/snapshot/search.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'

const ALL: Search = { text: '', labels: [], offset: 0, limit: 1_000 }

const group = (targets: string[], ...labels: [string, string][]): TargetGroup => ({ targets, labels })

const addresses = (lists: readonly TargetGroup[][], search: Partial<Search>) => {
  const found = searchLists({ ...ALL, ...search, lists: lists.map(encodeGroups) })
  return [found.total, ...found.targets.map(({ address }) => address)]
}

t.test('targets are found by address, by any label value, and by named labels', async (t) => {
  const lists = [
    [group(['Box-1:9100', 'box-2:9100'], ['site', 'lyon']), group(['box-3:9100'], ['site', 'box "1"'])],
    [group(['other:1'], ['site', 'LYON'], ['team', 'a'])],
  ]
  t.same(addresses(lists, {}), [4, 'Box-1:9100', 'box-2:9100', 'box-3:9100', 'other:1'])
  t.same(addresses(lists, { text: ' BOX-1 ' }), [1, 'Box-1:9100'])
  t.same(addresses(lists, { text: 'lyon' }), [3, 'Box-1:9100', 'box-2:9100', 'other:1'])
  t.same(addresses(lists, { text: 'box "1"' }), [1, 'box-3:9100'])
  t.same(addresses(lists, { labels: [['site', 'LYON']] }), [1, 'other:1'])
  t.same(addresses(lists, { labels: [['site', 'lyon']], text: '-2' }), [1, 'box-2:9100'])
  t.same(addresses(lists, { labels: [['toString', 'a']] }), [0])
  t.same(addresses(lists, { text: 'labels' }), [0], 'what the encoding writes is no text of a target')
  t.same(addresses([[]], {}), [0])
})

t.test('pages put together are all that is found, whatever the groups are', async () => {
  const groups = fc.array(
    fc.tuple(
      fc.array(fc.stringMatching(/^[a-c]{1,3}:[12]$/), { minLength: 1, maxLength: 4 }),
      fc.stringMatching(/^[ab"\\]{0,2}$/),
    ),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(
      groups,
      fc.stringMatching(/^[ab"\\]{0,2}$/),
      fc.integer({ min: 1, max: 5 }),
      (given, text, limit) => {
        const list = given.map(([targets, value]) => group(targets, ['l', value]))
        const has = (value: string) => value.toLowerCase().includes(text.trim())
        const wanted = list.flatMap(({ targets, labels }) =>
          targets.filter((target) => has(target) || labels.some(([, value]) => has(value))),
        )
        const paged: unknown[] = []
        for (let offset = 0; offset < wanted.length; offset += limit) {
          const [total, ...page] = addresses([list], { text, offset, limit })
          if (total !== wanted.length) return false
          paged.push(...page)
        }
        return (
          JSON.stringify(paged) === JSON.stringify(wanted) &&
          addresses([list], { text, offset: 99 })[0] === wanted.length
        )
      },
    ),
  )
})

const many = () =>
  encodeGroups(
    Array.from({ length: 5_000 }, (_, index) => group([`box-${index}:9100`], ['rack', `r${index}`])),
  )

t.test('a large list is searched in a thread, and gives the same', async (t) => {
  const threads = createThreads()
  t.teardown(() => threads.close())
  const search = createSearcher(threads)
  const body = many()
  const small = encodeGroups([group(['box-77x:1'])])
  const found = await search([[body.subarray(0, 100), body.subarray(100)], [small]], {
    ...ALL,
    text: 'box-77',
  })
  t.equal(found.total, 12)
  t.same(found.targets[0], { address: 'box-77:9100', labels: { rack: 'r77' } })
  const alone = await search([[body]], { ...ALL, offset: 4_999 })
  t.same([alone.total, alone.targets.length], [5_000, 1])
  t.equal(body.byteLength, many().byteLength, 'the list that is served is still there')
})

t.test('a search that takes too long, or one too many, is refused', async (t) => {
  const threads = createThreads()
  t.teardown(() => threads.close())
  const late = createSearcher(threads, 1)
  await t.rejects(late([[many()]], ALL), { code: 'overloaded', message: /longer than 0.001 s/ })
  const search = createSearcher(threads)
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => search([[many()]], ALL)))
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  )
  t.match(results[5], { reason: { code: 'overloaded' } })
  const broken = createSearcher({ ...threads, run: async () => Promise.reject(new Error('no thread')) })
  await t.rejects(broken([[many()]], ALL), { message: 'no thread' })
})
