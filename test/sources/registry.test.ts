import t from 'tap'
import { parsePattern } from '../../src/sources/file/pattern.ts'
import { originOf } from '../../src/sources/registry.ts'
import { httpOptions } from '../helpers/http-options.ts'

t.test('inventories are told apart by where they are, not by who asks or what for', async (t) => {
  const at = (url: string) => originOf(httpOptions(new URL(url)))
  t.equal(at('http://user:a@inventory/list?limit=5'), at('http://user:b@inventory/list?limit=9'))
  t.not(at('http://inventory/list'), at('http://inventory/other'))
  t.not(at('http://inventory/list'), at('http://elsewhere/list'))
  t.not(
    at('http://inventory/list'),
    originOf({ ...httpOptions(new URL('http://inventory/list')), kind: 'http_sd' }),
  )
  const files = (...names: string[]) =>
    originOf({
      kind: 'file',
      files: names.map((name) => parsePattern(name, { folder: '/', kind: undefined, delimiter: ',' })),
      maxBytes: 1,
    })
  t.equal(files('a.json'), files('a.json'))
  t.not(files('a.json'), files('a.json', 'b.json'))
  const push = (name: string, maxInstances: number) =>
    originOf({ kind: 'push', name, token: undefined, ttlMs: 1, maxTtlMs: 1, maxInstances })
  t.equal(push('a', 1), push('a', 2))
  t.not(push('a', 1), push('b', 1))
})
