import { setTimeout as delay } from 'node:timers/promises'
import type { ActiveTarget, Prometheus } from '../helpers/prometheus.ts'

/** The time between two looks, in milliseconds. */
const LOOK_MS = 250

/** What the watch looks at. */
export interface Watched {
  readonly server: string
  readonly prometheus: Prometheus
  readonly job: string
}

/** When an agent disappeared, in milliseconds since the epoch. */
interface Gone {
  readonly fromServer: Map<string, number>
  readonly fromPrometheus: Map<string, number>
}

/**
 * Looks several times a second at the list that the server serves and at the active targets of Prometheus, and notes
 * as violated what no moment may show: that an agent which must be there is missing, from either; or that one which
 * was gone is served again.
 * @param report told of each violation once
 */
export function createWatch({ server, prometheus, job }: Watched, report: (what: string) => void) {
  const violations: string[] = []
  const required = new Set<string>()
  const dead = new Set<string>()
  const gone: Gone = { fromServer: new Map(), fromPrometheus: new Map() }
  const looks = { served: 0, unserved: 0, prometheus: 0 }
  let fewest = Number.POSITIVE_INFINITY
  let targets: readonly ActiveTarget[] = []
  let served: ReadonlySet<string> = new Set()
  let isOver = false

  function violated(what: string): void {
    if (violations.includes(what)) return
    violations.push(what)
    report(what)
  }

  function check(where: string, found: ReadonlySet<string>, asked: ReadonlySet<string>): void {
    const missing = [...asked].filter((id) => required.has(id) && !found.has(id))
    if (missing.length > 0) violated(`${where} lacks ${missing.length}: ${missing.join(', ')}`)
  }

  function noteGone(found: ReadonlySet<string>, when: Map<string, number>): void {
    for (const id of dead) if (!found.has(id) && !when.has(id)) when.set(id, Date.now())
  }

  async function lookAtServer(): Promise<void> {
    const asked = new Set(required)
    const list = await servedBy(server)
    if (list === undefined) {
      looks.unserved++
      return
    }
    looks.served++
    served = list
    check('the list of the server', list, asked)
    const back = [...gone.fromServer.keys()].filter((id) => list.has(id))
    if (back.length > 0) violated(`the server serves again what was gone: ${back.join(', ')}`)
    noteGone(list, gone.fromServer)
  }

  async function lookAtPrometheus(): Promise<void> {
    const asked = new Set(required)
    targets = await prometheus.targets(job)
    looks.prometheus++
    const found = new Set(targets.map(({ labels }) => labels.instance ?? ''))
    check('Prometheus', found, asked)
    if (asked.size > 0) fewest = Math.min(fewest, found.size)
    noteGone(found, gone.fromPrometheus)
  }

  async function watch(): Promise<void> {
    while (!isOver) {
      await Promise.all([lookAtServer(), lookAtPrometheus()])
      await delay(LOOK_MS)
    }
  }
  const watching = watch().catch((error) => violated(`the watch ended: ${error}`))

  return {
    violations,
    /** Notes what no moment may show, and reports it when it is new. */
    violated,
    gone,
    looks,
    /** The active targets of Prometheus at the last look. */
    targets: () => targets,
    /** The ids that the server served when it last did. */
    served: () => served,
    /** The fewest active targets that Prometheus had since this was last asked. */
    fewest() {
      const found = fewest
      fewest = Number.POSITIVE_INFINITY
      return found
    },
    /** From now on these must always be there. */
    require(ids: Iterable<string>) {
      for (const id of ids) required.add(id)
    },
    /** From now on these may go, and must not come back. */
    died(ids: Iterable<string>) {
      for (const id of ids) {
        required.delete(id)
        dead.add(id)
      }
    },
    async stop() {
      isOver = true
      await watching
    },
  }
}

export type Watch = ReturnType<typeof createWatch>

/** The instances that the server serves; undefined when it serves no list. */
export async function servedBy(server: string): Promise<Set<string> | undefined> {
  const text = await fetch(`${server}/targets/devices`)
    .then((answer) => (answer.status === 200 ? answer.text() : undefined))
    .catch(() => undefined)
  if (text === undefined) return undefined
  const groups = JSON.parse(text) as { targets: string[]; labels: Record<string, string> }[]
  return new Set(groups.map(({ labels }) => labels.instance ?? ''))
}
