import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../helpers/scope.ts'
import type { AgeCheck } from './age.ts'
import type { Devices } from './devices.ts'
import { SOME_SITES } from './fleet.ts'
import type { History } from './history.ts'
import { idOf, readServed, type Served } from './inventories.ts'
import type { Model } from './model.ts'
import type { ViewCheck } from './views.ts'

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
  readonly views: ViewCheck
  readonly devices: Pick<Devices, 'shows'>
}

const POLL_EVERY_MS = 100
/** One of so many polls is of a view too, and polls that are further apart than this may show lists that are. */
const VIEW_ONCE_IN = 4
const VIEW_WITHIN_MS = 200
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
  const { model, age, views, devices } = checks
  const statuses = new Map<string, number>()
  let queue: Promise<unknown> = Promise.resolve()
  let last: (Served & { body: string; list: string }) | undefined
  let shown = ''
  let stopped = false
  /** How many targets the lists had that Prometheus was given. */
  const given = new Set<number>()
  let health = { asked: 0, slow: 0, slowestMs: 0 }
  let ageMs = Number.POSITIVE_INFINITY
  let judgedEpoch = -1

  const count = (key: string) => statuses.set(key, (statuses.get(key) ?? 0) + 1)

  function inOrder<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const answer = queue.then(work)
    queue = answer.catch(() => {})
    return answer
  }

  const poll = (who: string) => inOrder(() => ask(who))

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
        if (epoch !== judgedEpoch) for (const check of [age, views]) check.begins()
        judgedEpoch = epoch
        judge(answer.status, body)
        if (answer.status === 200) judgeAge(Number(answer.headers.get('x-rollcall-age-seconds')), askedMs)
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
        const served = readServed(body)
        last = { ...served, body, list: idOf(served.sites) }
      }
      const { list, sites } = last
      tell(`${list.slice(0, 8)} (${sites.size} targets)`, model.shows(sites) ?? devices.shows(last.devices))
    } else if (status === 503) {
      const { error } = JSON.parse(body) as { error: { code: string } }
      // An answer that was shed tells nothing of the list.
      if (error.code === 'not_loaded') tell('no list', model.shows('no list') ?? devices.shows('no list'))
      else count(`shed with ${error.code}`)
    } else {
      history.violated(`/targets answers ${status}: ${body.slice(0, 200)}`)
    }
  }

  function judgeAge(seconds: number, askedMs: number): void {
    ageMs = seconds * 1_000
    // Of the list of a source that is configured no more no age is told.
    if (model.isNamedAnew()) age.begins()
    const wrong = age.shows({ ageMs, askedMs, answeredMs: performance.now() })
    if (wrong !== undefined) history.violated(wrong)
  }

  function tell(what: string, wrong: string | undefined): void {
    if (what !== shown) history.add(`poll: ${what}`)
    shown = what
    if (wrong !== undefined) history.violated(wrong)
  }

  /** Asks for one site between two polls of everything. */
  async function askView(site: string): Promise<void> {
    const epoch = watched.epoch()
    const sitesNow = async () => ((await ask('own')).status === 200 ? last?.sites : undefined)
    const beganMs = performance.now()
    const before = await sitesNow()
    const askedMs = performance.now()
    const answer = await fetch(`${watched.url()}/targets?label.site=${site}`).catch(() => undefined)
    const body = await answer?.text().catch(() => undefined)
    const answeredMs = performance.now()
    const after = await sitesNow()
    if (answer === undefined || body === undefined || epoch !== watched.epoch()) return
    const code = answer.status === 200 ? undefined : String(JSON.parse(body).error.code)
    count(`view ${code ?? (body === '[]' ? 'empty' : answer.status)}`)
    const isNear = performance.now() - beganMs < VIEW_WITHIN_MS
    const around = before && after && isNear ? ([before, after] as const) : undefined
    const poll = { site, around, answer: code ?? readServed(body).sites, askedMs, answeredMs }
    const wrong = views.shows(poll)
    if (around !== undefined) count('view compared')
    if (wrong !== undefined) history.violated(wrong)
  }

  async function poller(): Promise<void> {
    for (let polls = 0; !stopped; polls++) {
      const site = `site-${(polls / VIEW_ONCE_IN) % SOME_SITES}`
      await (polls % VIEW_ONCE_IN === 0 ? inOrder(() => askView(site)) : poll('own'))
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
    if (status === 200) given.add(body === last?.body ? last.size : readServed(body).size)
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
    /** The targets of devices in it. */
    devices: () => last?.devices,
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
