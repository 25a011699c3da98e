import fc from 'fast-check'
import t from 'tap'
import { findJsonFault } from '../../src/pipeline/json-fault.ts'
import { cpuMs } from '../helpers/cpu-time.ts'
import { holds } from '../helpers/property.ts'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** JSON with some of its characters replaced, added or taken away. */
const damaged = fc
  .tuple(
    fc.json(),
    fc.array(fc.tuple(fc.nat(200), fc.nat(2), fc.constantFrom(...'[]{},:"\\ \n-+.0e1tnu/ü\u0001')), {
      maxLength: 3,
    }),
  )
  .map(([text, changes]) =>
    changes.reduce((damaged, [at, taken, put]) => {
      const place = at % (damaged.length + 1)
      return damaged.slice(0, place) + put + damaged.slice(place + taken)
    }, text),
  )

t.test(
  'a fault is found in what is no JSON, and in nothing else; what is before it may begin JSON',
  async (t) => {
    const property = fc.property(damaged, (text) => {
      const fault = findJsonFault(text)
      return (fault === undefined) === isJson(text) && (fault === undefined || fault.at <= text.length)
    })
    holds(t, 'random JSON, damaged', property, { numRuns: 3_000 })
  },
)

t.test('a long text takes no time', async (t) => {
  const took = cpuMs(() => {
    t.equal(findJsonFault(`["${'a'.repeat(5_000_000)}`)?.what, 'it ends in the middle')
    t.equal(findJsonFault(`${'[{"a":'.repeat(200_000)}x`)?.at, 1_200_000)
    t.equal(findJsonFault(`[${'1,'.repeat(1_000_000)}]`)?.at, 2_000_000)
  })
  t.ok(took < 3_000)
})
