import t from 'tap'
import { readRegistration } from '../../../src/model/registration.ts'
import { createPolicy, type PolicyOptions, parseNetwork } from '../../../src/sources/push/policy.ts'

function admit(options: PolicyOptions, body: object, peer?: string) {
  const policy = createPolicy(options)
  const registration = policy.locate(readRegistration({ address: 'a:1', ...body } as never), peer)
  policy.assertAllowed(registration)
  return registration
}

t.test('87: labels that steer Prometheus are refused by name, unless they are allowed', async (t) => {
  const refused: [what: string, label: string, allowedLabels?: string[]][] = [
    ['an interval', '__scrape_interval__'],
    ['a timeout', '__scrape_timeout__'],
    ['a parameter', '__param_target'],
    ['meta data of another discovery', '__meta_kubernetes_namespace'],
    ['the job', 'job'],
    ['the instance', 'instance'],
    ['what is not in the list', 'site', ['rack', 'row_.*']],
    ['a part of a name', 'rack_2', ['rack']],
    ['a name in which one is', 'my_row_1', ['rack', 'row_.*']],
    ['what is allowed by default', '__scheme__', ['site']],
    ['anything, when nothing is allowed', 'site', []],
  ]
  for (const [what, label, allowedLabels] of refused) {
    t.throws(
      () => admit({ allowedLabels }, { labels: { fine: 'x', [label]: 'x' } }),
      { code: 'bad_request', message: new RegExp(allowedLabels === undefined ? label : 'not allowed') },
      what,
    )
  }
  const allowed: [label: string, allowedLabels?: string[]][] = [
    ['site'],
    ['__metrics_path__'],
    ['__scheme__'],
    ['job', ['job']],
    ['row_1', ['rack', 'row_.*']],
    ['__param_module', ['__param_.*']],
  ]
  for (const [label, allowedLabels] of allowed) {
    t.same(admit({ allowedLabels }, { labels: { [label]: 'x' } }).labels, { [label]: 'x' }, label)
  }
})

t.test('87: addresses of the machine itself, of its cloud, and of other networks are refused', async (t) => {
  const ten = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8']
  const rows: [
    what: string,
    address: string,
    allowedNetworks: string[] | undefined,
    fault: RegExp | undefined,
  ][] = [
    [
      'metadata of a cloud',
      '169.254.169.254:80',
      undefined,
      /link-local; to allow it, add its network to allowed_networks/,
    ],
    ['the same as IPv6', '[::ffff:169.254.169.254]:80', undefined, /link-local/],
    ['the same in hexadecimal', '[::ffff:a9fe:a9fe]:80', undefined, /link-local/],
    ['link-local IPv6', '[fe80::1]:80', undefined, /link-local/],
    ['metadata over IPv6', '[fd00:ec2::254]:80', undefined, /link-local/],
    ['the same as one number', '2852039166:80', undefined, /looks like an IP address/],
    ['the same in octal', '0251.0376.0251.0376x.0xa9fe:80', undefined, /looks like an IP address/],
    ['a name that ends in a number', 'a.254', undefined, /looks like an IP address/],
    ['link-local that is allowed', '169.254.1.1:80', ['169.254.1.0/24'], undefined],
    ['any other address', '192.0.2.1:9100', undefined, undefined],
    ['a name', 'press-1.example:9100', undefined, undefined],
    ['a name beside networks', 'press-1.example:9100', ten, /is a name/],
    ['of the network', '10.255.0.1:9100', ten, undefined],
    ['of the IPv6 network', '[fd12::1]:9100', ten, undefined],
    ['of the network as IPv6', '[::ffff:10.0.0.1]:9100', ten, undefined],
    ['of another network', '11.0.0.1:9100', ten, /in none of allowed_networks/],
    ['one address', '192.0.2.7', ten, undefined],
    ['the next address', '192.0.2.8', ten, /in none of allowed_networks/],
    ['of another IPv6 network', '[2001:db8::1]:9100', ten, /in none of allowed_networks/],
  ]
  for (const [what, address, allowedNetworks, fault] of rows) {
    const send = () => admit({ allowedNetworks }, { address })
    if (fault === undefined) t.equal(send().address, address, what)
    else t.throws(send, { code: 'bad_request', message: fault }, what)
  }
})

t.test('87: with address: peer nobody registers the address of another', async (t) => {
  const rows: [address: string, peer: string | undefined, expected: string | RegExp][] = [
    [':9100', '10.0.0.7', '10.0.0.7:9100'],
    ['10.0.0.7:9100', '10.0.0.7', '10.0.0.7:9100'],
    ['10.0.0.7', '::ffff:10.0.0.7', '10.0.0.7'],
    ['[2001:db8:0::1]:9100', '2001:db8::1', '[2001:db8::1]:9100'],
    [':9100', '2001:db8::1', '[2001:db8::1]:9100'],
    ['10.0.0.8:9100', '10.0.0.7', /is not 10\.0\.0\.7/],
    ['press-1:9100', '10.0.0.7', /is not 10\.0\.0\.7/],
    [':80', 'fe80::1%eth0', /link-local/],
  ]
  for (const [address, peer, expected] of rows) {
    const send = () => admit({ address: 'peer' }, { address }, peer)
    if (typeof expected === 'string') t.equal(send().address, expected, address)
    else t.throws(send, { code: 'bad_request', message: expected }, address)
  }
  t.match(admit({ address: 'peer' }, { address: ':1' }, '10.0.0.7'), { host: '10.0.0.7', port: 1 })
  t.throws(() => admit({}, { address: ':9100' }, '10.0.0.7'), { code: 'bad_request', message: /has no host/ })
  t.throws(
    () => admit({ address: 'peer' }, { address: ':9100' }),
    { code: 'bad_request' },
    'nobody knows the peer',
  )
  const networks = { address: 'peer', allowedNetworks: ['10.0.0.0/8'] } as const
  t.throws(() => admit(networks, { address: ':1' }, '192.0.2.1'), { message: /in none of allowed_networks/ })
})

t.test('a network is an address and the length of a prefix', async (t) => {
  t.same(parseNetwork('10.0.0.0/8'), { ip: '10.0.0.0', bits: 8, family: 'ipv4' })
  t.same(parseNetwork('::1'), { ip: '::1', bits: 128, family: 'ipv6' })
  for (const wrong of ['', '10.0.0.0/33', 'fd00::/129', '10.0.0/8', 'example.com', '10.0.0.0/', '/8']) {
    t.throws(() => parseNetwork(wrong), { message: /is not a network; write one such as/ }, wrong)
  }
})
