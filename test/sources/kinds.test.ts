import t from 'tap'
import { parsePattern } from '../../src/sources/file/pattern.ts'
import { addressesOf, type SourceOptions } from '../../src/sources/kinds.ts'
import { httpOptions } from '../helpers/http-options.ts'

const addressOf = (options: SourceOptions) => addressesOf(options).join()

t.test('71: inventories are told apart by their whole address, not by who asks', async (t) => {
  const at = (url: string) => addressOf(httpOptions(new URL(url)))
  t.equal(at('http://user:a@inventory/list?site=b'), at('http://user:b@inventory/list?site=b'))
  t.not(at('http://inventory/list?site=a'), at('http://inventory/list?site=b'))
  t.not(at('http://inventory/list'), at('http://inventory/other'))
  t.not(at('http://inventory/list'), at('http://elsewhere/list'))
  t.not(
    at('http://inventory/list'),
    addressOf({ ...httpOptions(new URL('http://inventory/list')), kind: 'http_sd' }),
  )
  const files = (...names: string[]) =>
    addressOf({
      kind: 'file',
      files: names.map((name) => parsePattern(name, { folder: '/', kind: undefined, delimiter: ',' })),
      maxBytes: 1,
    })
  t.equal(files('a.json'), files('a.json'))
  t.not(files('a.json'), files('a.json', 'b.json'))
  const push = (name: string, maxInstances: number) =>
    addressOf({ kind: 'push', name, token: undefined, ttlMs: 1, maxTtlMs: 1, maxInstances })
  t.equal(push('a', 1), push('a', 2))
  t.not(push('a', 1), push('b', 1))
  const [first, second] = [new URL('http://a/list'), new URL('http://b/list')]
  for (const kind of ['http', 'http_sd'] as const) {
    const both = { ...httpOptions(first, { standbys: [second] }), kind }
    const alone = [first, second].flatMap((url) => addressesOf({ ...httpOptions(url), kind }))
    t.same(addressesOf(both), alone, `${kind}: each way has an address of its own`)
  }
})
