import t from 'tap'
import { createReplicasModel } from './replicas-model.ts'

const TTL_MS = 10_000

/** A model of one target that is always there, and a list as a process serves it. */
function model() {
  const one = createReplicasModel(['a'], TTL_MS)
  const shows = (targets: string[], atMs: number, life = 'x 1') =>
    one.showsOf('x', life, { targets: new Set(targets), beganMs: atMs, endedMs: atMs + 10 })
  return { ...one, showsList: shows }
}

t.test('a target that was always there is in every list, and a stranger in none', async (t) => {
  const { shows } = model()
  t.equal(shows('the balancer', { targets: new Set(['a']) }), undefined)
  t.match(shows('the balancer', { targets: new Set() }), 'does not serve a,')
  t.match(shows('the balancer', { targets: new Set(['a', 'b']) }), 'serves b,')
})

t.test('a process serves what it served, until that leaves; another process need not', async (t) => {
  const { joins, leaves, showsList } = model()
  joins('b')
  t.equal(showsList(['a'], 0), undefined)
  t.equal(showsList(['a', 'b'], 100), undefined)
  t.match(showsList(['a'], 200), 'x does not serve b any more')
  t.equal(showsList(['a'], 200, 'x 2'), undefined)
  leaves('b')
  t.equal(showsList(['a'], 300), undefined)
})

t.test('a device stays for its time to live after what was acknowledged', async (t) => {
  const { begins, acked, showsList } = model()
  begins('d')
  t.equal(showsList(['a', 'd'], 0), undefined, 'its heartbeat may not be answered yet')
  acked('d', 10)
  t.equal(showsList(['a', 'd'], 100), undefined)
  acked('d', 5_000)
  t.match(showsList(['a'], 5_000 + TTL_MS - 20), 'd any more')
  t.equal(showsList(['a'], 5_000 + TTL_MS), undefined, 'it ran out')
  acked('d', 5_000 + TTL_MS + 500)
  t.equal(showsList(['a'], 5_000 + TTL_MS + 600), undefined, 'it was not served since it is back')
})

t.test('what there is, is what was listed and did not leave', async (t) => {
  const { joins, leaves, targets } = model()
  joins('b')
  joins('c')
  leaves('b')
  t.same(targets(), ['a', 'c'])
})
