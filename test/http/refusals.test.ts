import t from 'tap'
import { createRefusals } from '../../src/http/refusals.ts'
import { manualClock } from '../helpers/clock.ts'

const device = (id: string, address: string | undefined = '10.0.0.1', source = 'devices') => ({
  source,
  id,
  address,
})
const error = { code: 'unauthorized', message: 'the token is none of devices' }

t.test('who was refused is found by id or address, until it is admitted', async (t) => {
  const clock = manualClock()
  const refusals = createRefusals(clock)
  refusals.admitted(device('a'))
  refusals.refused(device('A', '::ffff:10.0.0.7'), error)
  refusals.refused(device('A', '::ffff:10.0.0.7'), error)
  await clock.advance(12_000)
  t.same(refusals.find(' a ', undefined), [
    'the registration of A with devices was refused 12s ago, from 10.0.0.7, 2 times in a row: unauthorized: the token is none of devices',
  ])
  t.equal(refusals.find('10.0.0.7', 'devices').length, 1)
  t.same(refusals.find('a', 'others'), [], 'who asks for one source learns of no other')
  t.same(refusals.find('b', undefined), [])
  refusals.admitted(device('A'))
  t.same(refusals.find('a', undefined), [])
})

t.test('an error of the framework is a bad request, and secrets in messages are masked', async (t) => {
  const refusals = createRefusals(manualClock())
  refusals.refused({ ...device('a'), address: undefined }, { message: 'password=c4n4ry' })
  const [text] = refusals.find('a', undefined)
  t.match(text, /ago: bad_request: password=/)
  t.notMatch(text, /c4n4ry/)
})

t.test('a flood from one address pushes out nobody else, and three are told at a time', async (t) => {
  const refusals = createRefusals(manualClock())
  refusals.refused(device('alone', '10.0.0.2'), error)
  for (let index = 0; index < 1_000; index++) refusals.refused(device(`flood-${index}`), error)
  t.equal(refusals.find('alone', undefined).length, 1)
  t.equal(refusals.find('flood-999', undefined).length, 1)
  t.equal(refusals.find('flood-0', undefined).length, 0)
  const told = refusals.find('10.0.0.1', undefined)
  t.equal(told.length, 3)
  t.match(told[0], 'flood-999', 'the newest first')
})

t.test('an id that is longer than any may be is cut', async (t) => {
  const refusals = createRefusals(manualClock())
  refusals.refused(device('x'.repeat(2_000)), error)
  t.equal(refusals.find('x'.repeat(253), undefined).length, 1)
})
