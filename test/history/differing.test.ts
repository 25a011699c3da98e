import fc from 'fast-check'
import t from 'tap'
import { differingLines } from '../../src/history/differing.ts'
import { linesOf } from '../../src/model/list.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'

const listOf = (names: readonly string[]) =>
  encodeGroups(names.map((name) => ({ targets: [`${name}:1`], labels: [['n', name]] })))

const linesIn = (found: ReturnType<typeof differingLines>) =>
  found && [found.before.map(({ text }) => text), found.after.map(({ text }) => text)]

t.test('only lines that differ are found, each with its place', async (t) => {
  const many = Array.from(
    { length: 3_000 },
    (_, index) => `box-${String(index).padStart(5, '0')}-${'x'.repeat(40)}`,
  )
  const before = listOf(many)
  t.same(differingLines(before, before), { before: [], after: [] })
  const changed = many.flatMap((name, index) =>
    index === 7 ? [] : index === 1_500 ? [name, `${name}-new`] : index === 2_999 ? [`${name}!`] : [name],
  )
  const after = listOf(changed)
  const found = differingLines(before, after)
  const lines = (names: readonly string[]) => linesOf(listOf(names))
  t.same(linesIn(found), [
    lines([many[7] as string, many[2_999] as string]),
    lines([`${many[1_500]}-new`, `${many[2_999]}!`]),
  ])
  for (const { text, at } of found?.before ?? []) t.equal(before.toString('utf8', at, at + text.length), text)
  const gone = differingLines(before, listOf(many.slice(1_000)))
  t.equal(gone?.before.length, 1_000, 'a thousand lines in a row')
  t.same(gone?.after, [])
})

t.test('an empty list, and lists that have nothing in common', async (t) => {
  const [empty, one] = [listOf([]), listOf(['a'])]
  t.same(differingLines(empty, empty), { before: [], after: [] })
  t.same(linesIn(differingLines(empty, one)), [[], linesOf(one)])
  t.same(linesIn(differingLines(one, empty)), [linesOf(one), []])
  const names = (mark: string) => Array.from({ length: 30 }, (_, index) => `${mark}${index}`)
  t.equal(differingLines(listOf(names('a')), listOf(names('b')), 100), undefined)
  t.equal(differingLines(listOf(names('a')), empty, 100), undefined)
  t.equal(differingLines(listOf(names('a')), listOf(names('b')))?.before.length, 30)
})

t.test('what is not found is the same in both lists, whatever they are', async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-cü"]{1,3}$/), { maxLength: 12 })
  fc.assert(
    fc.property(names, names, (some, others) => {
      const [before, after] = [listOf(some), listOf(others)]
      const found = differingLines(before, after)
      if (found === undefined) return false
      const rest = (body: Buffer, differing: readonly { text: string }[]) => {
        const texts = differing.map(({ text }) => text)
        return linesOf(body).filter((line) => !texts.includes(line))
      }
      return (
        JSON.stringify(rest(before, found.before)) === JSON.stringify(rest(after, found.after)) &&
        [found.before, found.after].every((lines, index) => {
          const all = linesOf(index === 0 ? before : after)
          return lines.every(({ text }) => all.includes(text))
        })
      )
    }),
    { numRuns: 2_000 },
  )
})
