import t from 'tap'
import { createFleet } from '../../src/roll/fleet.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'

t.test('rule 5: what was claimed and not published has not left', async (t) => {
  let kept = 0
  const fleet = createFleet(DEFAULT_GUARD, () => kept++)
  fleet.note('sensors', 20, 0)
  t.ok(fleet.claim(2, fleet.scope(1_000), 1_000))
  t.ok(fleet.claim(3, fleet.scope(1_000), 1_000))
  t.equal(fleet.scope(2_000).left, 5)
  fleet.unclaim(2, 1_000)
  t.equal(fleet.scope(2_000).left, 3)
  t.equal(kept, 3)
  fleet.unclaim(2, 1_000)
  t.equal(fleet.scope(2_000).left, 3, 'once only')
  t.equal(kept, 3)
})
