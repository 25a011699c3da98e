import { type StatsFs, statfsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import t from 'tap'
import type { Mount } from '../../../src/sensor/collectors/mounts.ts'
import { createStatMounts } from '../../../src/sensor/collectors/stat-mounts.ts'
import { manualClock } from '../../helpers/clock.ts'

const mount = (mountPoint: string, fsType = 'ext4'): Mount => ({
  device: 'x',
  mountPoint,
  fsType,
  isReadOnly: false,
})

/** File systems of which some hang until the test lets them answer. */
function someHang(...paths: string[]) {
  const hanging = new Set(paths)
  const asked: string[] = []
  const release = new Map<string, () => void>()
  return {
    asked,
    release(path: string) {
      hanging.delete(path)
      release.get(path)?.()
    },
    async statfs(path: string): Promise<StatsFs> {
      asked.push(path)
      if (hanging.has(path)) await new Promise<void>((resolve) => release.set(path, resolve))
      return statfsSync('/')
    },
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

t.test(
  'a mount that hangs is told as failed after the timeout, and not asked again before it answers',
  async (t) => {
    const clock = manualClock()
    const host = someHang('/nfs')
    const statMounts = createStatMounts(5_000, { statfs: host.statfs, clock })
    const mounts = [mount('/'), mount('/nfs', 'nfs4')]
    const told = async () => {
      const states = statMounts(mounts)
      await settle()
      await settle()
      clock.advance(5_000)
      return (await states).map(({ stats }) => stats !== undefined)
    }
    t.same(await told(), [true, false])
    t.same(await told(), [true, false])
    t.same(host.asked, ['/', '/nfs', '/'], 'it was asked once')
    host.release('/nfs')
    await settle()
    const states = await statMounts(mounts)
    t.same(
      states.map(({ stats }) => stats !== undefined),
      [true, true],
    )
  },
)

t.test('however many hang, local file systems answer, and threads are left', async (t) => {
  const clock = manualClock()
  const host = someHang('/a', '/b', '/c')
  const statMounts = createStatMounts(1_000, { statfs: host.statfs, clock })
  const remote = ['/a', '/b', '/c'].map((path) => mount(path, 'nfs'))
  const states = statMounts([...remote, mount('/')])
  await settle()
  await settle()
  clock.advance(1_000)
  t.same(
    (await states).map(({ stats }) => stats !== undefined),
    [false, false, false, true],
  )
  t.same(host.asked, ['/a', '/b', '/'], 'two at a time')
  host.release('/a')
  await settle()
  t.same(host.asked, ['/a', '/b', '/', '/c'], 'the next one has its turn')
})

t.test('a mount that cannot be asked is told as failed', async (t) => {
  const statMounts = createStatMounts(1_000, { statfs, clock: manualClock() })
  const [state] = await statMounts([mount('/there/is/no/such/path')])
  t.equal(state?.stats, undefined)
})
