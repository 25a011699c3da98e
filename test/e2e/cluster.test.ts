import t, { type Test } from 'tap'
import { seriesValue } from '../helpers/exposition.ts'
import { addressOf, createHeartbeats, type Heartbeats } from '../helpers/heartbeats.ts'
import { type InventoryServer, inventoryServer } from '../helpers/inventory-server.ts'
import { type LoadBalancer, loadBalancer } from '../helpers/load-balancer.ts'
import {
  cannotTest,
  discovering,
  PROMETHEUS_VERSIONS,
  type Prometheus,
  startPrometheus,
} from '../helpers/prometheus.ts'
import { noRedis, type RedisServer, startRedis } from '../helpers/redis-server.ts'
import { poll, type Watched, watch } from '../helpers/replica-watch.ts'
import { createReplicas, LIST_SOURCE, type Replica } from '../helpers/replicas.ts'
import { until } from '../helpers/until.ts'

/** Hosts that are in the inventory all the time. */
const HOSTS = Array.from({ length: 20 }, (_, index) => `always-${index}.example`)
const ALWAYS = HOSTS.map((host) => `${host}:9100`)

/** How long the reader hangs: longer than its lease. */
const PAUSE_MS = 20_000

/** For all of a case; tap keeps the options of each test, so each has its own. */
const PATIENCE_MS = 290_000

/** Several replicas behind a balancer, and a Prometheus that discovers through it. */
interface Rig {
  readonly redis: RedisServer
  readonly inventory: InventoryServer
  readonly replicas: readonly Replica[]
  readonly balancer: LoadBalancer
  readonly heartbeats: Heartbeats
  readonly prometheus: Prometheus
  /** What the balancer answered. */
  readonly watched: Watched
  /** What was wrong with any answer. */
  readonly wrong: readonly string[]
}

/** Of `/health`, what is of the source that is an inventory. */
interface Shown {
  readonly cluster: {
    readonly reader: string | null
    readonly is_reader: boolean
    readonly generation: number
  }
  readonly held: readonly { readonly digest: string }[]
}

async function shown({ url }: Replica): Promise<Shown> {
  const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) })
  const { sources } = (await answer.json()) as { sources: Record<string, Shown> }
  return sources[LIST_SOURCE] as Shown
}

async function startRig(t: Test, binary: string, devices = 10): Promise<Rig> {
  const redis = await startRedis(t)
  const inventory = await inventoryServer(t, HOSTS)
  const balancer = await loadBalancer(t)
  const replicas = await createReplicas(t, ['a', 'b', 'c'], {
    redis: () => `{ url: "redis://127.0.0.1:${redis.port}" }`,
    inventory: () => inventory.url.href,
    refreshInterval: '1s',
    ttl: '15s',
    drainDelay: '1s',
  })
  await Promise.all(replicas.map((one) => one.start()))
  for (const { url } of replicas) balancer.add(url)
  const heartbeats = createHeartbeats(t, balancer.url, 1_000)
  for (let index = 0; index < devices; index++) heartbeats.on(`device-${index}`)
  const all = [...ALWAYS, ...heartbeats.ids().map(addressOf)]
  await serve({ replicas }, all)
  const wrong: string[] = []
  const lacks = (targets: ReadonlySet<string>, who: string) => {
    const lost = all.find((target) => !targets.has(target))
    if (lost !== undefined) wrong.push(`${who} lost ${lost}`)
  }
  const watched = watch(t, balancer.url, ({ targets }) => lacks(targets, 'the balancer'))
  for (const { url, name } of replicas) watch(t, url, ({ targets }) => lacks(targets, name))
  watchGenerations(t, replicas, wrong)
  const prometheus = await startPrometheus(t, binary, discovering(balancer.url, '1s'))
  await until('Prometheus has all targets', async () => {
    const has = await discovered(prometheus)
    return all.every((target) => has.has(target))
  })
  poller(t, async () => lacks(await discovered(prometheus), 'Prometheus'))
  return { redis, inventory, replicas, balancer, heartbeats, prometheus, watched, wrong }
}

/** Does something again and again until the test ends; what fails is tried again. */
function poller(t: Test, work: () => Promise<void>): void {
  let isOver = false
  const done = (async () => {
    while (!isOver) {
      await work().catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  })()
  t.teardown(() => {
    isOver = true
    return done
  })
}

/** No process goes back to an older generation. */
function watchGenerations(t: Test, replicas: readonly Replica[], wrong: string[]): void {
  const newest = new Map<string, number>()
  for (const one of replicas) {
    poller(t, async () => {
      const { generation } = (await shown(one)).cluster
      const before = newest.get(one.name) ?? 0
      if (generation > 0 && generation < before)
        wrong.push(`${one.name} went back from ${before} to ${generation}`)
      newest.set(one.name, Math.max(before, generation))
    })
  }
}

async function discovered({ url }: Prometheus): Promise<Set<string>> {
  const answer = await fetch(`${url}/api/v1/targets?state=dropped`)
  const { data } = (await answer.json()) as {
    data: { droppedTargets: { discoveredLabels: Record<string, string> }[] }
  }
  return new Set(data.droppedTargets.map(({ discoveredLabels }) => String(discoveredLabels.__address__)))
}

/** Waits until all replicas that are up serve these targets, in the same bytes. */
async function serve({ replicas }: Pick<Rig, 'replicas'>, targets: readonly string[]): Promise<void> {
  await until('all replicas serve the same', async () => {
    const polls = await Promise.all(replicas.filter((one) => one.isUp()).map(({ url }) => poll(url)))
    const tags = new Set(polls.map((one) => one?.etag))
    if (tags.size > 1) throw new Error(`${tags.size} ETags: ${[...tags].join(' ')}`)
    const served = polls[0]?.targets
    const lost = targets.find((target) => !served?.has(target))
    if (lost !== undefined) throw new Error(`${lost} is not served; ${polls[0]?.status}`)
    return true
  })
}

/** Waits until every replica that is up names the same reader, one of these. */
async function readerOf({ replicas }: Rig, among: readonly Replica[] = replicas): Promise<Replica> {
  return until('all know the reader', async () => {
    const all = await Promise.all(replicas.filter((one) => one.isUp() && !one.isPaused()).map(shown))
    const [name] = new Set(all.map(({ cluster }) => cluster.reader))
    if (all.some(({ cluster }) => cluster.reader !== name)) return false
    if (all.filter(({ cluster }) => cluster.is_reader).length !== 1) return false
    return among.find((one) => one.name === name)
  })
}

/** A host joins the inventory; all replicas serve it. */
async function join(rig: Rig, host: string): Promise<void> {
  rig.inventory.json([...HOSTS, host])
  await serve(rig, [`${host}:9100`])
}

const everyone = ({ heartbeats }: Rig) => [...ALWAYS, ...heartbeats.ids().map(addressOf)]
const [two, three] = PROMETHEUS_VERSIONS

function withRig(
  title: string,
  { name, find }: typeof two | typeof three,
  story: (t: Test, rig: Rig) => Promise<void>,
  devices?: number,
) {
  t.test(title, { timeout: PATIENCE_MS }, async (t) => {
    const binary = find()
    if (noRedis(t) || cannotTest(t, name, binary)) return
    const rig = await startRig(t, binary as string, devices)
    await story(t, rig)
    t.same([...new Set(rig.wrong)], [], 'nothing was lost, at any look')
  })
}

// Mostly waiting for leases, so they wait together.
t.jobs = 2

withRig('93: the reader is killed, hangs for twenty seconds, and another one reads', two, async (t, rig) => {
  const others = (one: Replica) => rig.replicas.filter((other) => other !== one)
  const first = await readerOf(rig)
  await first.kill()
  const second = await readerOf(rig, others(first))
  await join(rig, 'joined-1.example')
  await first.start()
  await serve(rig, everyone(rig))
  t.pass('what a killed reader served is served after its start')

  const pausedMs = performance.now()
  second.pause()
  const third = await readerOf(rig, others(second))
  rig.inventory.json([...HOSTS, 'joined-2.example'])
  await until('who goes on serves what joined', async () => {
    const polls = await Promise.all(others(second).map(({ url }) => poll(url)))
    return polls.every((one) => one?.targets.has('joined-2.example:9100'))
  })
  t.not(third, second)
  await until('it hung for long enough', () => performance.now() - pausedMs > PAUSE_MS)
  second.resume()
  await serve(rig, [...everyone(rig), 'joined-2.example:9100'])
  await until('there is one reader', async () => (await readerOf(rig)) !== undefined)
})

withRig('94: the store dies, comes back empty, is flushed, and hangs', three, async (t, rig) => {
  const { redis, replicas } = rig
  const up = async ({ url }: Replica) =>
    seriesValue(await (await fetch(`${url}/metrics`)).text(), 'rollcall_cluster_store_up')
  const allSay = (value: number) =>
    until(`rollcall_cluster_store_up is ${value} everywhere`, async () =>
      (await Promise.all(replicas.map(up))).every((one) => one === value),
    )
  await redis.kill()
  await allSay(0)
  await join(rig, 'joined-1.example')
  t.pass('each replica reads on its own')
  await redis.start()
  await allSay(1)
  await serve(rig, [...everyone(rig), 'joined-1.example:9100'])
  await readerOf(rig)
  t.ok(Number(await redis.command('DBSIZE')) > 0, 'a store that came back empty has it all again')

  await redis.command('FLUSHALL')
  await until('it has the list again', async () => {
    return (await redis.command('EXISTS', `{rollcall:${LIST_SOURCE}}:list`)) === 1
  })
  await join(rig, 'joined-2.example')

  redis.signal('SIGSTOP')
  await allSay(0)
  await join(rig, 'joined-3.example')
  redis.signal('SIGCONT')
  await allSay(1)
  await serve(rig, [...everyone(rig), 'joined-3.example:9100'])
  await readerOf(rig)
})

for (const version of [two, three]) {
  withRig(
    `97: three replicas are replaced in turn under polls and heartbeats, as ${version.name} sees it`,
    version,
    async (t, rig) => {
      const { replicas, balancer, heartbeats, watched } = rig
      const failedBefore = heartbeats.failures().length
      for (const one of replicas) {
        t.same(await one.stop(), { code: 0, signal: null }, `${one.name} ends by itself`)
        one.loseDisk()
        await one.start()
        await until(`${one.name} is ready`, () => balancer.isReady(one.url))
      }
      await serve(rig, everyone(rig))
      const acked = heartbeats.acked()
      await until('heartbeats and polls go on', () => heartbeats.acked() > acked + 50)
      t.same(heartbeats.failures().slice(failedBefore), [], `of ${acked} heartbeats`)
      t.same([...watched.statuses.keys()], [200], `polls: ${JSON.stringify([...watched.statuses])}`)
      const metrics = await (await fetch(`${rig.prometheus.url}/metrics`)).text()
      t.notMatch(metrics, /^prometheus_sd_http_failures_total(\{.*\})? [1-9]/m)
    },
    50,
  )
}

withRig(
  '93, 95: what an operator asks of a replica that does not read reaches the one that does',
  two,
  async (t, rig) => {
    const reader = await readerOf(rig)
    const follower = rig.replicas.find((one) => one !== reader) as Replica
    const post = async (path: string) => {
      const answer = await fetch(follower.url + path, { method: 'POST' })
      return { status: answer.status, body: await answer.json() }
    }
    const read = await Promise.all(
      rig.replicas.map(async ({ url }) =>
        seriesValue(await (await fetch(`${url}/metrics`)).text(), 'rollcall_source_reader', {
          source: LIST_SOURCE,
        }),
      ),
    )
    t.same(
      read,
      rig.replicas.map((one) => (one === reader ? 1 : 0)),
    )
    const explained = await (await fetch(`${follower.url}/api/v1/explain?q=always-3.example`)).json()
    t.match(JSON.stringify(explained), `${LIST_SOURCE} is read by the replica ${reader.name}`)

    rig.inventory.json([...HOSTS, 'joined-1.example'])
    const refreshed = await post(`/-/refresh?source=${LIST_SOURCE}`)
    t.match(refreshed, {
      status: 200,
      body: { results: [{ source: LIST_SOURCE, targets: HOSTS.length + 1 }] },
    })
  },
)

t.test(
  '93: held targets are accepted on a replica that does not read',
  { timeout: PATIENCE_MS },
  async (t) => {
    const binary = two.find()
    if (noRedis(t) || cannotTest(t, two.name, binary)) return
    const rig = await startRig(t, binary as string)
    const reader = await readerOf(rig)
    const follower = rig.replicas.find((one) => one !== reader) as Replica
    rig.inventory.json(HOSTS.slice(0, 5))
    const digest = await until(
      'they are held, as the follower knows',
      async () => (await shown(follower)).held[0]?.digest,
    )
    const answer = await fetch(`${follower.url}/-/accept?digest=${digest}`, { method: 'POST' })
    t.match(await answer.json(), { results: [{ source: LIST_SOURCE, result: 'changed', targets: 5 }] })
    t.same(
      rig.wrong.filter((one) => !one.includes('lost always-')),
      [],
    )
    await until('they leave everywhere', async () => {
      const polls = await Promise.all(rig.replicas.map(({ url }) => poll(url)))
      return polls.every((one) => one?.status === 200 && !one.targets.has('always-5.example:9100'))
    })
    await until(
      'and Prometheus knows',
      async () => !(await discovered(rig.prometheus)).has('always-5.example:9100'),
    )
  },
)
