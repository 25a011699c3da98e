import fc from 'fast-check'
import t from 'tap'
import { discoveryFault, hostIn, parseHost, parsePort, splitHostPort } from '../../src/model/address.ts'
import { holds } from '../helpers/property.ts'

t.test('hosts', async (t) => {
  const rows: [text: string, host: string | undefined][] = [
    ['sensor_0', 'sensor_0'],
    ['a.example.com', 'a.example.com'],
    ['a.example.com.', 'a.example.com.'],
    ['A-1', 'A-1'],
    ['5', '5'],
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '[::1]'],
    ['[2001:db8::1]', '[2001:db8::1]'],
    ['::ffff:10.0.0.1', '[::ffff:10.0.0.1]'],
    [`${'a'.repeat(63)}.b`, `${'a'.repeat(63)}.b`],
    ['', undefined],
    ['.', undefined],
    ['a..b', undefined],
    ['.a', undefined],
    ['a b', undefined],
    ['a/b', undefined],
    ['http://a', undefined],
    ['a:9100', undefined],
    ['a\n', undefined],
    ['a\u0000', undefined],
    ['ä.example', undefined],
    ['256.1.1.1', undefined],
    ['1.2.3.999', undefined],
    ['[::1', undefined],
    ['[10.0.0.1]', undefined],
    ['fe80::1%eth0', undefined],
    ['user@host', undefined],
    [`${'a'.repeat(64)}.b`, undefined],
    [`${'a'.repeat(60)}.`.repeat(5), undefined],
  ]
  for (const [text, host] of rows) t.equal(parseHost(text), host, JSON.stringify(text.slice(0, 70)))
})

t.test('ports', async (t) => {
  for (const port of [1, 9100, 65_535]) {
    t.equal(parsePort(port), port)
    t.equal(parsePort(String(port)), port)
  }
  for (const port of [0, 70_000, -1, 9100.5, Number.NaN, 'abc', '', '0', '70000', '9100 ', '1e3', '0x50']) {
    t.equal(parsePort(port), undefined, JSON.stringify(port))
  }
})

t.test('host and port are split at the last colon, unless it is part of an IPv6 address', async (t) => {
  t.same(splitHostPort('a:9100'), { host: 'a', port: '9100' })
  t.same(splitHostPort('a'), { host: 'a', port: undefined })
  t.same(splitHostPort('::1'), { host: '::1', port: undefined })
  t.same(splitHostPort('[::1]'), { host: '[::1]', port: undefined })
  t.same(splitHostPort('[::1]:80'), { host: '[::1]', port: '80' })
  t.same(splitHostPort(':8080'), { host: '', port: '8080' })
})

t.test('Prometheus takes anything as a discovered address but nothing, and control characters', async (t) => {
  for (const text of ['a', 'a:0', ' ', 'https://a/b?c', '10.0.0.1/24', 'ä', '数', ',', 'x'.repeat(65_536)])
    t.equal(discoveryFault(text), undefined, text.slice(0, 20))
  t.equal(discoveryFault(''), 'is empty')
  for (const text of ['a\n', '\t', 'a\u0000b', '\u007f', 'a\u0080'])
    t.equal(discoveryFault(text), 'has a control character', JSON.stringify(text))
  t.equal(discoveryFault('\udc00'), 'is not valid Unicode')
  t.equal(discoveryFault('x'.repeat(65_537)), 'is longer than 65536 characters')
})

t.test('the host is found in an address of any form', async (t) => {
  const rows: [address: string, host: string][] = [
    ['a:9100', 'a'],
    ['a', 'a'],
    ['[::1]:9100', '::1'],
    ['::1', '::1'],
    ['10.0.0.1/24', '10.0.0.1'],
    ['https://shop.example/health:1', 'shop.example'],
    ['redis://user:secret@cache1:6379', 'cache1'],
    ['http://[::1]/x', '::1'],
    ['', ''],
  ]
  for (const [address, host] of rows) t.equal(hostIn(address), host, address)
})

t.test('an address that is accepted is one that a URL accepts with the same host and port', async (t) => {
  holds(
    t,
    'names, IPv4 and IPv6',
    fc.property(
      fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()),
      fc.integer({ min: 1, max: 65_535 }),
      (text, port) => {
        const host = parseHost(text)
        if (host === undefined) return false
        const url = new URL(`http://${host}:${port}/metrics`)
        return url.pathname === '/metrics' && (url.port === String(port) || port === 80)
      },
    ),
  )
})
