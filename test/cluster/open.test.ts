import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { Secret } from '../../src/base/secret.ts'
import { openCluster } from '../../src/cluster/open.ts'
import { diskFiles } from '../helpers/files.ts'
import { recordingLog } from '../helpers/log.ts'

const options = (signingKey: Secret) => ({
  redis: {
    // A port that nobody listens on.
    at: { kind: 'single', server: { host: '127.0.0.1', port: 9, isTls: false } } as const,
    ...{ username: undefined, password: undefined, tls: undefined },
  },
  ...{ keyPrefix: 'rollcall', signingKey, replica: 'one', fingerprint: '' },
})

t.test('a replica joins although the store is out of reach, and says so', async (t) => {
  const metrics = createMetrics('1.2.3')
  const { log, messages } = recordingLog()
  const cluster = await openCluster(options(Secret.of('a key')), { clock: systemClock, log, metrics })
  const nobody = async () => undefined
  const member = { follow: async () => {}, refresh: nobody, accept: nobody, isFailing: () => false }
  await cluster.join('sensors', member)
  t.match(cluster.status(), { replica: 'one', failure: /127\.0\.0\.1:9/ })
  t.match(cluster.statusOf('sensors'), { isReader: false, generation: 0, reader: undefined })
  t.match(messages(), ['the store of the cluster cannot be used; what is served stays'])
  await t.rejects(cluster.ask({ kind: 'refresh', source: 'sensors' }), { name: 'StoreError' })
  await cluster.leave('sensors')
  await cluster.stop()
  t.match(await metrics.registry.metrics(), /^rollcall_cluster_replicas 0$/m)
})

t.test('a signing key that cannot be read ends the start', async (t) => {
  const missing = Secret.file(join(t.testdir(), 'missing'), diskFiles)
  const deps = { clock: systemClock, log: recordingLog().log, metrics: createMetrics('1.2.3') }
  await t.rejects(openCluster(options(missing), deps), {
    name: 'StartError',
    message: /^cluster\.signing_key_file: /,
  })
  const folder = t.testdir()
  writeFileSync(join(folder, 'empty'), '')
  await t.rejects(openCluster(options(Secret.file(join(folder, 'empty'), diskFiles)), deps), {
    name: 'StartError',
  })
})
