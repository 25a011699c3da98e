import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { messageOf, StartError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import { version } from '../base/version.ts'
import { type Cluster, type ClusterDeps, createCluster } from './member.ts'
import type { ClusterOptions } from './resolve.ts'

/**
 * Joins the replicas that share a store. The store may be out of reach.
 * @throws StartError when the signing key cannot be read
 */
export async function openCluster(
  { redis, keyPrefix, signingKey, replica: name }: ClusterOptions,
  {
    clock,
    log,
    metrics,
    history,
  }: {
    readonly clock: Clock
    readonly log: Logger
    readonly metrics: Metrics
    readonly history?: ClusterDeps['history']
  },
): Promise<Cluster> {
  const key = await signingKey.reveal().catch((error) => {
    throw new StartError(`cluster.signing_key_file: ${messageOf(error)}`)
  })
  const { createRedisStore } = await import('./redis.ts')
  return createCluster(
    { replica: { id: randomUUID(), name, version }, key },
    {
      store: createRedisStore({ ...redis, keyPrefix }, { clock }),
      clock,
      log,
      metrics: metrics.startCluster(),
      history,
    },
  )
}
