import t from 'tap'
import Value from 'typebox/value'
import { relabelSchema } from '../../src/relabel/config.ts'
import { resolveRelabel } from '../../src/relabel/options.ts'
import { ruleCases } from '../helpers/relabel-rules/all.ts'

t.test('the schema takes every rule that can be written', async (t) => {
  for (const { name, rule } of ruleCases) t.ok(Value.Check(relabelSchema, rule), name)
})

const wrong: readonly [name: string, rule: unknown][] = [
  ['an unknown key', { source_label: ['a'] }],
  ['source_labels that is no list', { source_labels: 'a' }],
  ['a source label that is no text', { source_labels: [1] }],
  ['a regex that is a list', { regex: ['a'] }],
  ['a modulus below 0', { modulus: -1 }],
  ['a modulus that is no whole number', { modulus: 1.5 }],
  ['a modulus that no 64 bits hold', { modulus: 2 ** 65 }],
  ['a modulus that is a text', { modulus: '4' }],
  ['no keys but a text', 'keep'],
]

for (const [name, rule] of wrong) {
  t.test(`the schema refuses ${name}`, async (t) => t.notOk(Value.Check(relabelSchema, rule)))
}

t.test('keys that are not given have defaults, and empty ones are empty', async (t) => {
  t.same(resolveRelabel({}), {
    action: 'replace',
    sourceLabels: [],
    separator: ';',
    regex: '(.*)',
    modulus: 0,
    targetLabel: '',
    replacement: '$1',
  })
  t.match(resolveRelabel({ separator: null, regex: null, replacement: null, action: 'KEEP' }), {
    action: 'keep',
    separator: '',
    regex: '',
    replacement: '',
  })
})

t.test('a modulus may be the text of a number with more digits than a number has', async (t) => {
  const rows: [written: string, modulus: bigint][] = [
    ['18446744073709551615', 2n ** 64n - 1n],
    ['0xFFFFFFFFFFFFFFFF', 2n ** 64n - 1n],
    ['0o1777777777777777777777', 2n ** 64n - 1n],
    ['18446744073709551616', 0n],
    ['1e19', 0n],
  ]
  for (const [modulus, expected] of rows) t.equal(resolveRelabel({ modulus }).modulus, expected, modulus)
})
