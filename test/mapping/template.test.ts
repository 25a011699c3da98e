import t from 'tap'
import {
  compilePath,
  compileTemplate,
  literalTemplate,
  render,
  splitAtPort,
} from '../../src/mapping/template.ts'
import type { Json } from '../../src/model/record.ts'

const record: Json = {
  hostname: 'sensor_0',
  port: 9200,
  'rack-unit': 7,
  empty: '',
  nothing: null,
  up: true,
  store: { id: 12, tags: ['a', 'b'] },
  ips: ['10.0.0.1', '10.0.0.2'],
  list: [{ name: 'first' }],
  labels: { 'com.docker.compose.service': 'web', 'a|b': 'bar', "it's": 'quoted', 'a[0]': 'odd' },
  'rack unit': 8,
}

t.test('templates render fields of the record', async (t) => {
  const rows: [template: string, text: string][] = [
    ['plain', 'plain'],
    ['', ''],
    ['{hostname}:{port}', 'sensor_0:9200'],
    ['{ hostname }', 'sensor_0'],
    ['{port|9100}', '9200'],
    ['{missing|9100}', '9100'],
    ['{empty|x}{nothing|y}', 'xy'],
    ['{missing|}', ''],
    ['{missing|a|b}', 'a|b'],
    ['{store.id}', '12'],
    ['{store.tags}', ',a,b,'],
    ['{store.tags[1]}', 'b'],
    ['{ips[0]}', '10.0.0.1'],
    ['{list[0].name}', 'first'],
    ['{rack-unit}', '7'],
    ['{ rack unit | x }', '8'],
    ['{.hostname}', 'sensor_0'],
    ['{.store.id}', '12'],
    ['{["hostname"]}', 'sensor_0'],
    ['{ips[-1]}', '10.0.0.2'],
    ['{ips[-3]|none}', 'none'],
    ['{labels["com.docker.compose.service"]}', 'web'],
    ["{labels['com.docker.compose.service']|x}", 'web'],
    ['{labels["a|b"]}{labels["it\'s"]}{labels["a[0]"]}', 'barquotedodd'],
    ['{labels["no.such"]|a|b}', 'a|b'],
    ['{list[-1].name}{list[0]["name"]}', 'firstfirst'],
    ['{up}', 'true'],
    ['{{hostname}}', '{hostname}'],
    ['a{{b}}c{up}', 'a{b}ctrue'],
  ]
  for (const [template, text] of rows) t.equal(render(compileTemplate(template), record), text, template)
  t.equal(render(compileTemplate('{@}:9100'), 'sensor_1'), 'sensor_1:9100')
})

t.test('a field that is not there, or is no text, is told by name', async (t) => {
  t.same(render(compileTemplate('{a.b}'), record), { kind: 'missing', field: 'a.b' })
  t.same(render(compileTemplate('{empty}'), record), { kind: 'missing', field: 'empty' })
  t.same(render(compileTemplate('{ips[9]}'), record), { kind: 'missing', field: 'ips[9]' })
  t.same(render(compileTemplate('{hostname[0]}'), record), { kind: 'not_text', field: 'hostname[0]' })
  t.same(render(compileTemplate('{hostname.a|x}'), record), { kind: 'not_text', field: 'hostname.a' })
  t.same(render(compileTemplate('{nothing.a|x}'), record), 'x')
  t.same(render(compileTemplate('{constructor}'), record), { kind: 'missing', field: 'constructor' })
  t.same(render(compileTemplate('{store}'), record), { kind: 'not_text', field: 'store' })
})

t.test('what is no template is refused with the way out', async (t) => {
  const rows: [template: string, message: RegExp][] = [
    ['{hostname', /"{" without "}" in "{hostname"; write "{{"/],
    ['hostname}', /"}" without "{" in "hostname}"; write "}}"/],
    ['{}', /"{}" in "{}" is not a field/],
    ['{|x}', /is not a field/],
    ['{a..b}', /is not a field/],
    ['{..a}', /is not a field/],
    ['{a[0]b}', /is not a field/],
    ['{a[""]}', /is not a field/],
    ['{a["b]}', /is not a field/],
    ['{@x|}{a[-]}', /is not a field/],
    ['{.|x}', /is not a field/],
    ['{a.}', /is not a field/],
    ['{a[x]}', /is not a field/],
    ['{a[0}', /is not a field/],
    ['{a {b}}', /without/],
  ]
  for (const [template, message] of rows) t.throws(() => compileTemplate(template), { message }, template)
})

t.test('a path is what stands between the braces, without a default', async (t) => {
  t.same(compilePath('spec.ports[-1]["a.b"]'), ['spec', 'ports', -1, 'a.b'])
  t.same(compilePath(' .ports '), ['ports'])
  for (const text of ['', 'a|b', '{a}', 'a.', '[?a]'])
    t.throws(() => compilePath(text), { message: /is not a field; write field, nested.field/ }, text)
})

t.test('a literal template keeps its braces', async (t) => {
  t.equal(render(literalTemplate('{hostname}'), record), '{hostname}')
  t.equal(render(literalTemplate(''), record), '')
})

t.test('a template is split at the literal colon before its port', async (t) => {
  const split = (text: string) => {
    const { host, port } = splitAtPort(compileTemplate(text))
    return [render(host, record), port === undefined ? undefined : render(port, record)]
  }
  t.same(split('{hostname}:{port}'), ['sensor_0', '9200'])
  t.same(split('{hostname}:9100'), ['sensor_0', '9100'])
  t.same(split('a:{port}'), ['a', '9200'])
  t.same(split('[::1]:{port}'), ['[::1]', '9200'])
  t.same(split('{hostname}'), ['sensor_0', undefined])
  t.same(split('https://{hostname}/x'), ['https://sensor_0/x', undefined])
  t.same(split('{hostname}:'), ['sensor_0:', undefined])
  t.same(split('https://{hostname}:{port}/x'), ['https://sensor_0:9200/x', undefined])
})
