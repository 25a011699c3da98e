import t from 'tap'
import { createKnownTargets } from '../../src/prometheus/known-targets.ts'
import { countStates } from '../../src/prometheus/match.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'

t.test('counting many targets of one group yields to the event loop', async (t) => {
  const targets = createKnownTargets()
  targets.begin()
  const addresses = Array.from({ length: 20_000 }, (_, index) => `host-${index}:9100`)
  for (const address of addresses)
    targets.note(
      's',
      address,
      { state: 'up', why: undefined, lastScrapeMs: undefined },
      { pool: 'node', nowMs: 1 },
    )
  const pool = { name: 'node', asks: [], place: {}, rules: undefined, sourceLabels: [], honorsLabels: false }
  const reading = { askedMs: 1, pools: [pool], found: targets.found, hidden: new Map() }
  let turns = 0
  let isOver = false
  const turn = () => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const body = encodeGroups([{ targets: [...addresses, 'lost:1'], labels: [] }])
  const { all, each } = await countStates([reading], [{ source: 's', body }])
  isOver = true
  t.same(all, { up: 20_000, down: 0, pending: 0, dropped: 0, unknown: 1 })
  t.same(each, [all])
  t.ok(turns >= 5, `${turns} turns`)
  t.same((await countStates([reading], [{ source: 's', body: encodeGroups([]) }])).all.up, 0)
})
