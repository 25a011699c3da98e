import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { closeWhenSettled, createConnections } from '../base/connections.ts'
import type { Files } from '../base/files.ts'
import type { LineLogger } from '../base/line-logger.ts'
import { explainListen, urlOf } from '../base/listening.ts'
import { createRequestCounts } from '../base/request-counts.ts'
import { createBodyReader } from './body.ts'
import { exposition } from './exposition.ts'
import type { Machine } from './machine.ts'
import { ownFamilies, type SensorWeb, webFamilies } from './own-metrics.ts'
import type { RegistrationOptions } from './registration/options.ts'
import { createRegistrations } from './registration/registrations.ts'
import { createRoutes } from './routes.ts'
import { createSensorServer, type Limits } from './server.ts'

/** The largest number of connections: enough for a Prometheus or two, and the devices behind a gateway. */
const MAX_CONNECTIONS = 512

/**
 * Before the listener closes, requests are refused instead of left unanswered, so that clients with a
 * connection notice that they need another server. This lasts until no request came for this long, ...
 */
const QUIET_MS = 250

/** ... but not longer than this. */
const MAX_REFUSING_MS = 3_000

/** The options of a sensor. */
export interface SensorOptions {
  /** No host means every interface; port 0 means any free one. */
  readonly listenAddress: { readonly host: string | undefined; readonly port: number }
  /** How long requests are still answered while /ready returns 503, in milliseconds. */
  readonly drainDelayMs: number
  /** The push sources to register with; may be empty. */
  readonly registrations: readonly RegistrationOptions[]
  /** Limits on client connections that differ from the defaults. */
  readonly limits?: Partial<Limits>
}

/** The dependencies of a sensor. */
export interface SensorDeps {
  /** May be shared between sensors of one process. */
  readonly machine: Machine
  readonly clock: Clock
  readonly files: Pick<Files, 'read'>
  readonly log: Pick<LineLogger, 'info' | 'warn' | 'error'>
  /** The web configuration, and the refusals it caused; undefined: there is none. */
  readonly web?: SensorWeb | undefined
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/** A running sensor. */
export interface Sensor {
  /** Its URL, for people on this machine. */
  readonly url: string
  readonly port: number
  /**
   * Stops: it leaves its push sources and /ready turns 503 at once; requests are answered for the drain delay
   * and refused from then on; requests in flight are finished.
   */
  stop(): Promise<void>
}

/**
 * Starts a sensor.
 * @throws StartError when the address cannot be listened on
 */
export async function createSensor(options: SensorOptions, deps: SensorDeps): Promise<Sensor> {
  const { clock, web } = deps
  const isTls = web?.createServer !== undefined
  const connections = createConnections({ connections: MAX_CONNECTIONS })
  const counts = createRequestCounts()
  const registrations = createRegistrations(
    options.registrations.map((one) => schemeTold(one, isTls)),
    deps,
  )
  let state: 'serving' | 'draining' | 'refusing' = 'serving'
  const isDraining = () => state !== 'serving'

  const routes = createRoutes({
    bodies: createBodyReader(),
    clock,
    isDraining,
    registrations,
    async metrics() {
      const resources = await deps.machine.metrics()
      const own = [
        ...ownFamilies(counts, connections.inFlight()),
        ...webFamilies(web),
        ...registrations.families(),
      ]
      return resources + exposition(own)
    },
  })
  let refused = 0
  const isRefusing = () => {
    if (state === 'refusing') refused++
    return state === 'refusing'
  }
  const server = createSensorServer(
    { ...deps, web, routes, connections, counts, isDraining, isRefusing },
    options.limits,
  )
  const address = await listen(server, options.listenAddress)
  registrations.start({ host: options.listenAddress.host, port: address.port })

  async function drain(): Promise<void> {
    const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))
    await wait(options.drainDelayMs)
    state = 'refusing'
    await connections.settled()
    const endMs = clock.monotonic() + MAX_REFUSING_MS
    let before: number
    do {
      before = refused
      await wait(QUIET_MS)
      // Also count requests that arrived while this process was busy.
      await new Promise((resolve) => setImmediate(resolve))
    } while (refused > before && clock.monotonic() < endMs)
    await closeWhenSettled({ close: () => closed(server) }, connections)
  }

  return {
    url: urlOf(address, isTls),
    port: address.port,
    async stop() {
      state = 'draining'
      await Promise.all([registrations.leave(), drain()])
    },
  }
}

/** Tells Prometheus by a label to scrape over TLS, unless the labels set a scheme. */
function schemeTold(registration: RegistrationOptions, isTls: boolean): RegistrationOptions {
  if (!isTls) return registration
  return { ...registration, labels: { __scheme__: 'https', ...registration.labels } }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()))
}

function listen(server: Server, { host = '', port }: SensorOptions['listenAddress']): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(explainListen(error, `${host}:${port}`, '--web.listen-address')))
    // To the platform an empty host means every interface: IPv6 and IPv4, or IPv4 where there is no IPv6.
    server.listen({ port, host }, () => resolve(server.address() as AddressInfo))
  })
}
