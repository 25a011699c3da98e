import t from 'tap'
import { ownAddress, parseOwnAddress } from '../../../src/sensor/registration/address.ts'

t.test('the address to be scraped at', async (t) => {
  type Row = [configured: string | undefined, host: string | undefined, local: string, address: string]
  const rows: Row[] = [
    [undefined, undefined, '10.0.0.7', '10.0.0.7:9100'],
    [undefined, '0.0.0.0', '10.0.0.7', '10.0.0.7:9100'],
    [undefined, '::', '::ffff:10.0.0.7', '10.0.0.7:9100'],
    [undefined, '::', '2001:db8::7', '[2001:db8::7]:9100'],
    [undefined, '10.0.0.9', '10.0.0.7', '10.0.0.9:9100'],
    [undefined, '127.0.0.1', '127.0.0.1', '127.0.0.1:9100'],
    [undefined, '::1', '::1', '[::1]:9100'],
    ['sensor.example.com', '127.0.0.1', '10.0.0.7', 'sensor.example.com:9100'],
    ['10.1.1.1:80', undefined, '10.0.0.7', '10.1.1.1:80'],
    ['[::5]:80', undefined, '10.0.0.7', '[::5]:80'],
    ['::5', undefined, '10.0.0.7', '[::5]:9100'],
  ]
  for (const [configured, host, local, address] of rows) {
    t.equal(ownAddress(configured, { host, port: 9100 }, local), address, address)
  }
})

t.test('an address at which nobody else reaches it is not told', async (t) => {
  const rows: [host: string | undefined, local: string, message: RegExp][] = [
    ['127.0.0.1', '10.0.0.7', /listens on 127.0.0.1 only.*--web.listen-address or --register.address/],
    ['localhost', '10.0.0.7', /listens on localhost only/],
    [undefined, 'fe80::1%eth0', /fe80::1%eth0 is valid on this machine only; set --register.address/],
    [undefined, '', /is not an address/],
  ]
  for (const [host, local, message] of rows) {
    t.throws(
      () => ownAddress(undefined, { host, port: 9100 }, local),
      { reason: 'address', message },
      String(message),
    )
  }
})

t.test('what --register.address does not take', async (t) => {
  for (const text of ['', 'a b', 'a:0', 'a:99999', 'http://a', 'a:', '1.2.3.4.5:x']) {
    t.equal(parseOwnAddress(text), undefined, text)
  }
})
