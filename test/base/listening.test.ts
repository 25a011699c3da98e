import t from 'tap'
import { explainListen, urlOf } from '../../src/base/listening.ts'

t.test('why an address cannot be listened on, and the way out', async (t) => {
  const explain = (code: string) =>
    explainListen(
      Object.assign(new Error(`listen ${code}`), { code }),
      '127.0.0.1:80',
      '--web.listen-address',
    ).message
  t.match(
    explain('EMFILE'),
    /^cannot listen on 127.0.0.1:80: .*; this process has no file descriptors left; raise its limit/,
  )
  t.match(explain('EADDRINUSE'), /^cannot listen on 127.0.0.1:80: another program .*--web.listen-address=/)
  t.match(explain('EACCES'), /port above 1023/)
  t.match(explain('EADDRNOTAVAIL'), /no such address/)
  t.match(explain('ENOTFOUND'), /does not resolve/)
  t.match(explain('EOTHER'), /: listen EOTHER$/)
})

t.test('a listening server as a URL that this machine can open', async (t) => {
  t.equal(urlOf({ address: '127.0.0.1', port: 8080, family: 'IPv4' }), 'http://127.0.0.1:8080')
  t.equal(urlOf({ address: '::', port: 8080, family: 'IPv6' }), 'http://localhost:8080')
  t.equal(urlOf({ address: '0.0.0.0', port: 1, family: 'IPv4' }), 'http://localhost:1')
  t.equal(urlOf({ address: '::1', port: 1, family: 'IPv6' }), 'http://[::1]:1')
})
