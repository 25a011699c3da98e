import t from 'tap'
import { seedOfRun } from '../helpers/random.ts'
import { noRedis } from '../helpers/redis-server.ts'
import { createScope } from '../helpers/scope.ts'
import { runReplicasChaos } from './replicas-run.ts'

const seconds = 20
const seed = seedOfRun()

/** Of what happened last and was logged last: as much as `.ci/run` shows. */
const SHOWN = 60

t.test(
  `93, 94, 95: whatever replicas, their store and the network do, nothing is lost (SEED=${seed})`,
  { timeout: (seconds + 200) * 1_000 },
  async (t) => {
    if (noRedis(t)) return
    const scope = createScope()
    t.teardown(() => scope.end())
    const options = { replicas: 3, seconds, seed, print: (line: string) => t.comment(line) }
    const { violation, tail, ...told } = await runReplicasChaos(scope, options)
    t.comment(`SEED=${seed} repeats the choices of this run: ${JSON.stringify(told)}`)
    t.equal(violation, undefined, `npm run chaos -- --replicas=3 --seconds=${seconds} --seed=${seed}`)
    if (violation !== undefined) t.comment(tail.slice(-SHOWN).join('\n'))
    t.ok(Object.keys(told.steps).length > 0, 'steps were taken')
    t.ok(Number(told.polls.balancer?.[200]) > 0, 'lists were served')
    t.ok(told.heartbeats.acknowledged > 0, 'devices registered')
  },
)
