import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import t from 'tap'
import { type Schema, validate } from '../../src/config/validate.ts'
import { VALIDATION_SCHEMA } from '../helpers/configuration-page.ts'
import { createRandom, type Random } from '../helpers/random.ts'

const schema = JSON.parse(readFileSync(VALIDATION_SCHEMA, 'utf8')) as Schema

const TEXTS = ['', 'a', 'GET', 'json', '30s', '50%', '50', 'x.yml', ';', 'TLS12', 'a b', 'a\nb', '__proto__']
const VALUES = [null, true, false, 0, -1, 1.5, 7, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY, [], {}]

/** A value that a schema may take, in which about one part in twenty is something else. */
function someValue(node: Schema, random: Random): unknown {
  if (random.once(40)) return random.pick([...TEXTS, ...VALUES])
  if (node.anyOf !== undefined) return someValue(random.pick(node.anyOf), random)
  if ('const' in node) return node.const
  const some = <Item>(make: () => Item) => Array.from({ length: random.int(3) }, make)
  if (node.type === 'object') return Object.fromEntries(someKeys(node, random))
  if (node.type === 'array') return some(() => someValue(node.items ?? {}, random))
  if (node.type === 'string') return random.pick([...TEXTS, ...(node.examples ?? [])])
  return random.pick(VALUES)
}

function someKeys({ properties, patternProperties, required = [] }: Schema, random: Random) {
  const chosen = Object.values(patternProperties ?? {}).flatMap((node) => [
    ['a', node] as const,
    ['b', node] as const,
  ])
  const keys = [...Object.entries(properties ?? {}), ...chosen]
  const wanted = keys.filter(([key]) => (required.includes(key) ? !random.once(40) : random.once(6)))
  const unknown = random.once(40) ? [['nonsense', 1]] : []
  return [...wanted.map(([key, node]) => [key, someValue(node, random)]), ...unknown]
}

t.test('what is wrong to a validator of JSON Schema is wrong, and nothing else', (t) => {
  // What a format means is for whoever reads the value.
  const isRight = new Ajv({ strict: false, strictNumbers: true, validateFormats: false }).compile(schema)
  let right = 0
  const property = fc.property(fc.integer(), (seed) => {
    const value = someValue(schema, createRandom(seed))
    const problems = validate(schema, value)
    if (isRight(value)) right += 1
    return isRight(value) === (problems.length === 0)
  })
  const runs = 20_000
  const { failed, counterexample } = fc.check(property, { numRuns: runs })
  const example =
    counterexample === null ? '' : JSON.stringify(someValue(schema, createRandom(counterexample[0])))
  t.notOk(failed, example)
  t.ok(right > runs / 100, `many of them are right: ${right}`)
  t.ok(right < runs / 2, 'and many are not')
  t.end()
})

t.test('every mistake is told, however many there are', (t) => {
  const sources = Array.from({ length: 30 }, (_, index) => ({ name: `a${index}`, nonsense: true }))
  t.equal(validate(schema, { sources }).length, 30)
  t.end()
})

t.test('a number that JSON lacks is shown as it is', (t) => {
  const sources = [{ name: 'a', guard: { confirmations: Number.POSITIVE_INFINITY } }]
  t.match(validate(schema, { sources }), [{ message: 'Infinity is not a whole number from 1 to 1000' }])
  t.end()
})
