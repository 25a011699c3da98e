import t from 'tap'
import { parseNoProxy } from '../../../../src/sources/http/client/no-proxy.ts'

t.test('what is asked without the proxy, as in Go', async (t) => {
  const rows: [noProxy: string, direct: string[], proxied: string[]][] = [
    ['', ['http://localhost/', 'http://127.1.2.3/', 'http://[::1]:8080/'], ['http://example.com/']],
    ['*', ['http://example.com/', 'https://[2001:db8::1]/'], []],
    [
      'Example.com',
      ['http://example.com/', 'http://a.b.EXAMPLE.com:81/'],
      ['http://example.com.evil.org/', 'http://myexample.com/'],
    ],
    ['.example.com', ['http://a.example.com/'], ['http://example.com/']],
    ['*.example.com', ['http://a.example.com/'], ['http://example.com/']],
    [
      'example.com:443, b.org:8080',
      ['https://example.com/', 'http://b.org:8080/'],
      ['http://example.com/', 'http://b.org/'],
    ],
    ['10.1.2.3', ['http://10.1.2.3:99/'], ['http://10.1.2.4/', 'http://a.10.1.2.3.org/']],
    ['10.1.2.3:99', ['http://10.1.2.3:99/'], ['http://10.1.2.3/']],
    [
      '10.0.0.0/8,',
      ['http://10.200.0.1/'],
      ['http://11.0.0.1/', 'http://ten.example.com/', 'http://[2001:db8::1]/'],
    ],
    ['2001:db8::/32', ['http://[2001:db8::5]/'], ['http://[2001:db9::5]/', 'http://10.0.0.1/']],
    ['2001:db8::7', ['http://[2001:db8::7]/'], ['http://[2001:db8::8]/']],
    ['[2001:db8::7]:99', ['http://[2001:db8::7]:99/'], ['http://[2001:db8::7]/']],
  ]
  for (const [noProxy, direct, proxied] of rows) {
    const bypass = parseNoProxy(noProxy)
    for (const url of direct) t.equal(bypass?.(new URL(url)), true, `${noProxy}: ${url}`)
    for (const url of proxied) t.equal(bypass?.(new URL(url)), false, `${noProxy}: ${url}`)
  }
})

t.test('what is none of these is told', async (t) => {
  for (const wrong of ['a b', '10.0.0.0/33', '10.0.0.0/', 'example.com/8', 'http://a', 'a,b;c']) {
    t.equal(parseNoProxy(wrong), undefined, wrong)
  }
})
