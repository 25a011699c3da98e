import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../helpers/scope.ts'
import type { AgeCheck } from './age.ts'
import type { History } from './history.ts'
import { idOf, type Sites, sitesOfBody } from './inventories.ts'
import type { Model } from './model.ts'

/** The process that is watched. */
export interface Watched {
  readonly url: () => string
  /** Rises whenever the process is killed or started; an answer from another time tells nothing. */
  readonly epoch: () => number
  readonly isUp: () => boolean
}

/** What every answer is shown to. */
interface Checks {
  readonly model: Model
  readonly age: AgeCheck
}

const POLL_EVERY_MS = 100
const HEALTH_EVERY_MS = 500
/** Longer than this twice in a row is too slow. */
const HEALTH_WITHIN_MS = 1_000
/** An answer that takes longer is none. */
const HEALTH_AT_LAST_MS = 5_000

/**
 * Polls Rollcall all the time, passes on the polls of Prometheus, and shows every answer to the model. All polls
 * go one after the other, so that the order of the answers is the order in which they were given.
 */
export async function createWatch(scope: Scope, watched: Watched, checks: Checks, history: History) {
  const { model, age } = checks
  const statuses = new Map<string, number>()
  let queue: Promise<unknown> = Promise.resolve()
  let last: { body: string; sites: Sites; list: string } | undefined
  let shown = ''
  let stopped = false
  /** How many targets the lists had that Prometheus was given. */
  const given = new Set<number>()
  let health = { asked: 0, slow: 0, slowestMs: 0 }
  let ageMs = Number.POSITIVE_INFINITY
  let ageEpoch = -1

  const count = (key: string) => statuses.set(key, (statuses.get(key) ?? 0) + 1)

  function poll(who: string): Promise<{ status: number; body: string }> {
    const answer = queue.then(() => ask(who))
    queue = answer.catch(() => {})
    return answer
  }

  async function ask(who: string): Promise<{ status: number; body: string }> {
    const epoch = watched.epoch()
    if (!watched.isUp()) {
      count(`${who} while down`)
      return { status: 502, body: '' }
    }
    const askedMs = performance.now()
    try {
      const answer = await fetch(`${watched.url()}/targets`, { signal: AbortSignal.timeout(5_000) })
      const body = await answer.text()
      count(`${who} ${answer.status}`)
      if (epoch === watched.epoch()) {
        judge(answer.status, body)
        if (answer.status === 200)
          judgeAge(epoch, Number(answer.headers.get('x-rollcall-age-seconds')), askedMs)
      }
      return { status: answer.status, body }
    } catch (error) {
      if (epoch === watched.epoch()) history.violated(`a poll failed: ${String(error)}`)
      count(`${who} failed by a kill`)
      return { status: 502, body: '' }
    }
  }

  function judge(status: number, body: string): void {
    if (status === 200) {
      if (last?.body !== body) {
        const sites = sitesOfBody(body)
        last = { body, sites, list: idOf(sites) }
      }
      tell(`${last.list.slice(0, 8)} (${last.sites.size} targets)`, model.shows(last.sites))
    } else if (status === 503) {
      const { error } = JSON.parse(body) as { error: { code: string } }
      // An answer that was shed tells nothing of the list.
      if (error.code === 'not_loaded') tell('no list', model.shows('no list'))
      else count(`shed with ${error.code}`)
    } else {
      history.violated(`/targets answers ${status}: ${body.slice(0, 200)}`)
    }
  }

  function judgeAge(epoch: number, seconds: number, askedMs: number): void {
    if (epoch !== ageEpoch) age.begins()
    ageEpoch = epoch
    ageMs = seconds * 1_000
    const wrong = age.shows({ ageMs, askedMs, answeredMs: performance.now() })
    if (wrong !== undefined) history.violated(wrong)
  }

  function tell(what: string, wrong: string | undefined): void {
    if (what !== shown) history.add(`poll: ${what}`)
    shown = what
    if (wrong !== undefined) history.violated(wrong)
  }

  async function poller(): Promise<void> {
    while (!stopped) {
      await poll('own')
      await delay(POLL_EVERY_MS)
    }
  }

  /** No answer is a broken promise, and so is a slow one twice in a row; once may be this machine's fault. */
  async function healthWatch(): Promise<void> {
    let slow = 0
    while (!stopped) {
      const epoch = watched.epoch()
      if (watched.isUp()) {
        const began = performance.now()
        const wrong = await askHealth()
        const took = performance.now() - began
        if (epoch === watched.epoch()) {
          slow = took > HEALTH_WITHIN_MS ? slow + 1 : 0
          const slowestMs = Math.max(health.slowestMs, Math.round(took))
          health = { asked: health.asked + 1, slow: health.slow + Math.min(slow, 1), slowestMs }
          if (wrong !== undefined) history.violated(`/health: ${wrong}`)
          if (slow > 1) history.violated(`/health took longer than ${HEALTH_WITHIN_MS} ms, twice in a row`)
        }
      }
      await delay(HEALTH_EVERY_MS)
    }
  }

  /** @returns what is wrong with the answer */
  async function askHealth(): Promise<string | undefined> {
    try {
      const signal = AbortSignal.timeout(HEALTH_AT_LAST_MS)
      const answer = await fetch(`${watched.url()}/health`, { signal })
      const body = await answer.text()
      return answer.status === 200 && body !== '' ? undefined : `${answer.status} ${body}`
    } catch (error) {
      return `no answer: ${String(error)}`
    }
  }

  const proxy = createServer(async (_request, response) => {
    const { status, body } = await poll('Prometheus')
    if (status === 200) given.add(body === last?.body ? last.sites.size : sitesOfBody(body).size)
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(body)
  })
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => {
    stopped = true
    proxy.closeAllConnections()
    proxy.close()
  })
  const loops = Promise.all([poller(), healthWatch()])

  return {
    /** Where Prometheus polls. */
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    /** The list of the last 200. */
    list: () => last?.list,
    /** The age of the last 200, in milliseconds. */
    ageMs: () => ageMs,
    given: () => given,
    statuses: () => Object.fromEntries([...statuses].sort()),
    health: () => health,
    async stop() {
      stopped = true
      await loops
    },
  }
}

export type Watch = Awaited<ReturnType<typeof createWatch>>
