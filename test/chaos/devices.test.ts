import t from 'tap'
import { createDeviceModel } from './devices.ts'

/** A model of two devices, and what it says of those that are served after so many seconds. */
function setUp() {
  let nowMs = 0
  const model = createDeviceModel(() => nowMs)
  for (const id of ['a', 'b']) model.begins(id)
  const after = (seconds: number, ...served: string[]) => {
    nowMs += seconds * 1_000
    return model.shows(new Set(served.map((id) => `${id}:9100`)))
  }
  return { model, after }
}

t.test('a device that is acknowledged is served soon, and stays', async (t) => {
  const { model, after } = setUp()
  t.equal(after(60), undefined, 'nothing was acknowledged')
  model.acknowledged('a')
  t.equal(after(3), undefined)
  t.equal(after(60, 'a'), undefined)
  model.acknowledged('a')
  t.match(after(0), 'a:9100 is not served, and registered for 63000 ms')
  t.match(after(0, 'a', 'c'), 'c:9100 is served, and never registered')
})

t.test('each process has its own time, and so has one that has no list yet', async (t) => {
  const { model, after } = setUp()
  model.acknowledged('a')
  model.restarts()
  t.equal(after(60), undefined, 'this process acknowledged nothing')
  model.restarts()
  model.acknowledged('a')
  t.equal(after(5), undefined, 'it waits for others')
  t.match(after(1), 'a:9100 is not served')
  t.equal(model.shows('no list'), undefined)
  t.equal(after(3), undefined)
  t.match(after(1), 'a:9100 is not served')
})

t.test('a process whose disk fails before it is settled waits for all devices anew; not later', async (t) => {
  const { model, after } = setUp()
  model.restarts()
  t.equal(after(1), undefined)
  model.refused()
  model.acknowledged('a')
  t.equal(after(8), undefined, 'five seconds, and three')
  t.match(after(1), 'a:9100 is not served, and registered for 4000 ms')
  model.refused()
  t.match(after(0), 'a:9100 is not served, and registered for 4000 ms')
})

t.test('a device that is silent leaves in time', async (t) => {
  const { model, after } = setUp()
  model.acknowledged('a')
  model.silent('a')
  t.equal(after(14, 'a'), undefined)
  t.equal(after(0), undefined)
  t.match(after(2, 'a'), 'a:9100 is served, and silent for 16000 ms')
  model.disturbed()
  t.equal(after(14, 'a'), undefined, 'it may be believed anew')
  model.restarts()
  t.equal(after(14, 'a'), undefined, 'and by another process')
  t.match(after(2, 'a'), 'silent for 16000 ms')
})
