import t from 'tap'
import { findNextLink } from '../../src/base/link-header.ts'
import { cpuMs } from '../helpers/cpu-time.ts'

const find = (header: string | readonly string[] | undefined) => findNextLink(header, 'page 1')

t.test('the next link is found however it is written', async (t) => {
  const rows: [what: string, header: string | string[] | undefined, target: string | undefined][] = [
    ['no header', undefined, undefined],
    ['an empty header', '', undefined],
    ['one link', '<http://a/?page=2>; rel="next"', 'http://a/?page=2'],
    ['without quotes', '<http://a/2>;rel=next', 'http://a/2'],
    [
      'several links',
      '<http://a/1>; rel="prev", <http://a/3>; rel="next", <http://a/9>; rel="last"',
      'http://a/3',
    ],
    ['several headers', ['<http://a/1>; rel="prev"', '<http://a/3>; rel="next"'], 'http://a/3'],
    ['no next link', '<http://a/1>; rel="first", <http://a/1>; rel="prev"', undefined],
    ['several relations', '<http://a/2>; rel="last next"', 'http://a/2'],
    ['relations in capitals', '<http://a/2>; REL="NEXT"', 'http://a/2'],
    [
      'other parameters first',
      '<http://a/2>; title="a, b; rel=prev"; results="true" ; rel = next',
      'http://a/2',
    ],
    ['quotes in quotes', '<http://a/2>; title="\\"<x>; rel=\\"prev"; rel="ne\\xt"', 'http://a/2'],
    ['a comma and a semicolon in the URL', '<http://a/?q=a,b;c>; rel="next"', 'http://a/?q=a,b;c'],
    ['only the first rel counts', '<http://a/2>; rel=prev; rel=next', undefined],
    ['a relation that only begins so', '<http://a/2>; rel="next-archive"', undefined],
    ['a parameter without a value', '<http://a/2>; x; rel=next;', 'http://a/2'],
    ['no parameters', '<http://a/1>, <http://a/2>; rel=next', 'http://a/2'],
    ['empty elements', ' , <http://a/2>; rel=next , ,', 'http://a/2'],
    ['the link of another resource', '<http://a/2>; rel=next; anchor="#foo"', undefined],
    ['a relative URL', '</list?page=2>; rel=next', '/list?page=2'],
    ['an empty URL', '<>; rel=next', ''],
  ]
  for (const [what, header, target] of rows) {
    t.equal(find(header), target, what)
  }
})

t.test('a malformed header is refused, since pages may be lost with it', async (t) => {
  for (const header of [
    'http://a/2; rel=next',
    '<http://a/2; rel=next',
    '<http://a/2> rel=next',
    '<http://a/2>; rel="next',
    '<http://a/1>; rel=prev <http://a/2>; rel=next',
    '<http://a/1>; rel=prev, nonsense',
  ]) {
    t.throws(
      () => find(header),
      { reason: 'pagination', message: /^page 1: its Link header is malformed/ },
      header,
    )
  }
})

t.test('a long hostile header takes no time', async (t) => {
  const took = cpuMs(() => {
    t.throws(() => find(`<${'a'.repeat(8_000)}>;${' '.repeat(8_000)}="`))
    t.throws(() => find(`<a>; rel="${'\\"'.repeat(8_000)}`))
    t.throws(() => find(`${' ,'.repeat(8_000)}x`))
  })
  t.ok(took < 1_000)
})
