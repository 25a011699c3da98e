import t from 'tap'
import { acceptsGzip } from '../../src/base/accepts-gzip.ts'
import { matchesEtag } from '../../src/http/conditional.ts'

t.test('5: If-None-Match: exact, list, star and weak forms', async (t) => {
  const tag = '"abc"'
  for (const header of ['"abc"', 'W/"abc"', '*', ' * ', '"x", "abc"', '"x",W/"abc"']) {
    t.ok(matchesEtag(header, tag), header)
  }
  for (const header of ['', 'abc', '"ab"', '"abcd"', 'W/abc', '"x", "y"'])
    t.notOk(matchesEtag(header, tag), header)
})

t.test('6: gzip only for a client that accepts it', async (t) => {
  for (const header of ['gzip', 'GZIP', 'deflate, gzip;q=0.5', '*', 'x-gzip', 'br, gzip ; q=1']) {
    t.ok(acceptsGzip(header), header)
  }
  for (const header of [undefined, '', 'identity', 'br', 'gzip;q=0', 'gzip; q=0.0, *', '*;q=0', 'gzip;q=x']) {
    t.notOk(acceptsGzip(header), String(header))
  }
})
