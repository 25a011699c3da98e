import t from 'tap'
import { isInstanceId, MAX_ID_LENGTH, readRegistration } from '../../src/model/registration.ts'

t.test('a registration is an address, maybe with labels and a time to live', async (t) => {
  t.same(readRegistration({ address: '10.0.0.7:9100' }), {
    address: '10.0.0.7:9100',
    host: '10.0.0.7',
    port: 9100,
    labels: {},
    ttlMs: undefined,
  })
  t.same(
    readRegistration({
      address: 'sensor-7',
      labels: { site: 's1', rack: 4, up: true, none: '' },
      ttl: '1m30s',
    }),
    {
      address: 'sensor-7',
      host: 'sensor-7',
      port: undefined,
      labels: { site: 's1', rack: '4', up: 'true', none: '' },
      ttlMs: 90_000,
    },
  )
  t.match(readRegistration({ address: '[2001:db8::7]:9100' }), { host: '[2001:db8::7]', port: 9100 })
  t.match(readRegistration({ address: '2001:db8::7' }), { address: '[2001:db8::7]', port: undefined })
  t.match(readRegistration({ address: 'a:1', labels: null, ttl: null }), { labels: {}, ttlMs: undefined })
})

t.test('what is none is refused with what to write instead', async (t) => {
  const address = 'a:1'
  const rows: [what: string, body: unknown, message: RegExp][] = [
    ['null', null, /^the body is null, not an object such as \{"address":"10.0.0.7:9100"\}$/],
    ['a list', [], /^the body is a list/],
    [
      'another key',
      { address, adress: 'b' },
      /^"adress" is not a key of a registration; the keys are address, labels, ttl$/,
    ],
    ['__proto__', JSON.parse('{"address":"a:1","__proto__":{}}'), /^"__proto__" is not a key/],
    ['no address', {}, /^address is missing/],
    ['an address that is no text', { address: 7 }, /^address 7 is not host:port; write a DNS name/],
    ['an empty address', { address: '' }, /^address "" is not/],
    ['an address with a scheme', { address: 'http://a:1' }, /^address "http:\/\/a:1" is not/],
    ['a port that is none', { address: 'a:70000' }, /^address "a:70000" is not/],
    ['an address that is far too long', { address: 'a'.repeat(300) }, /^address "a{78}… is not/],
    ['labels that are a list', { address, labels: [] }, /^labels is a list; write an object such as/],
    ['a label name with a hyphen', { address, labels: { 'a-b': 'x' } }, /^labels: "a-b" is not a label name/],
    [
      'the address as a label',
      { address, labels: { __address__: 'x' } },
      /^labels: __address__ cannot be set/,
    ],
    [
      'the source as a label',
      { address, labels: { __meta_rollcall_source: 'x' } },
      /cannot be set; leave it out$/,
    ],
    ['__proto__ as a label', { address, labels: JSON.parse('{"__proto__":"x"}') }, /cannot be set/],
    ['a label that is null', { address, labels: { a: null } }, /^labels: a is null; write a text/],
    ['a label that is a list', { address, labels: { a: ['x'] } }, /^labels: a is \["x"\]/],
    ['a label with a control character', { address, labels: { a: '\u0000' } }, /^labels: a is "\\u0000"/],
    ['a number beyond 2^53', { address, labels: { a: 2 ** 60 } }, /^labels: a is 1152921504606847000/],
    [
      'a time without a unit',
      { address, ttl: '90' },
      /^ttl "90" is not a duration; write one such as "90s"$/,
    ],
    ['a time that is a number', { address, ttl: 90 }, /^ttl 90 is not/],
  ]
  for (const [what, body, message] of rows) {
    t.throws(() => readRegistration(body as Parameters<typeof readRegistration>[0]), { message }, what)
  }
})

t.test('an id is any short text without slashes and control characters', async (t) => {
  for (const id of ['a', 'sensor-007.example.com', '00:1b:44:11:3a:b7', 'Küche 1', 'x'.repeat(MAX_ID_LENGTH)])
    t.ok(isInstanceId(id), id)
  for (const id of ['', 'a/b', 'a\\b', 'a\nb', 'a\tb', 'a\u0000', '\ud800', 'x'.repeat(MAX_ID_LENGTH + 1)])
    t.notOk(isInstanceId(id), JSON.stringify(id))
})
