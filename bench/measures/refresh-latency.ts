import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatCount, formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { percentile } from '../figures/statistics.ts'
import { now, type Sample } from '../load/generate.ts'
import { startHelper } from '../processes/ask-process.ts'
import type { Inventory } from '../processes/inventory.ts'
import type { Order, Stream, StreamSamples } from '../processes/open-loop.ts'
import type { Rollcall } from '../processes/rollcall.ts'

/** After a refresh has ended, what it left to do (memory to collect, files to write) still counts as part of it. */
const AFTERMATH_MS = 1_000

/** From and to when, in milliseconds; a request that was under way in it belongs to it. */
interface Window {
  readonly from: number
  readonly to: number
}

/** A time without and a time with a refresh, one after the other. */
interface Round {
  readonly idle: Window
  readonly busy: Window
}

/**
 * What is asked, each a second: a probe of /health every 5 ms; the whole list plain, as Prometheus asks for it, and
 * in gzip, as vmagent does; and scrapes, which tell the longest time that the event loop took since the one before.
 */
function streams(url: string): Stream[] {
  const gzip = { 'accept-encoding': 'gzip' }
  const capture = /^nodejs_eventloop_lag_max_seconds (\S+)$/m
  return [
    { name: '/health', url: `${url}/health`, rate: 200, headers: {} },
    { name: '/targets', url: `${url}/targets`, rate: 2, headers: {} },
    { name: '/targets, gzip', url: `${url}/targets`, rate: 20, headers: gzip },
    { name: '/metrics', url: `${url}/metrics`, rate: 5, headers: {}, capture },
  ]
}

const P99_ROWS: readonly (readonly [id: RowId, stream: string])[] = [
  ['p99-targets', '/targets'],
  ['p99-targets-gzip', '/targets, gzip'],
  ['p99-health', '/health'],
]

/** What clients see while a large inventory is refreshed, against what they see just before. */
export async function refreshLatency(
  scope: Scope,
  inventory: Inventory,
  rollcall: Rollcall,
  { rounds, idleMs }: { readonly rounds: number; readonly idleMs: number },
): Promise<Figure[]> {
  const generator = startHelper<Order, readonly StreamSamples[]>(scope, 'build/bench/processes/open-loop.js')
  await generator.ask(streams(rollcall.url))
  const done: Round[] = []
  // The generator warms up.
  await delay(1_000)
  for (let round = 0; round < rounds; round++) {
    const idle = await during(() => delay(idleMs))
    await inventory.change()
    const busy = await during(async () => {
      await rollcall.refresh('changed')
      await delay(AFTERMATH_MS)
    })
    done.push({ idle, busy })
    await rollcall.settle()
  }
  const answered = await generator.ask('stop')
  await generator.stop()
  return figuresOf(answered, done)
}

function figuresOf(answered: readonly StreamSamples[], rounds: readonly Round[]): Figure[] {
  const pick = (name: string, which: keyof Round, among: readonly Round[] = rounds) =>
    answered
      .filter((stream) => name === '' || stream.name === name)
      .flatMap(({ samples }) => samples)
      .filter((sample) => among.some((round) => overlaps(sample, round[which])))
  const p99s = P99_ROWS.map(([id, name]) => {
    const ratio = (among?: readonly Round[]) =>
      p99(pick(name, 'busy', among)) / p99(pick(name, 'idle', among))
    const [busy, idle] = [p99(pick(name, 'busy')), p99(pick(name, 'idle'))]
    const note = `${formatNumber(busy)} ms against ${formatNumber(idle)} ms, of ${formatCount(pick(name, 'busy').length)} requests`
    return { id, value: ratio(), rounds: rounds.map((round) => ratio([round])), note }
  })
  const late = percentile(
    answered.flatMap((stream) => stream.late),
    0.99,
  )
  const perRound = (figure: (samples: Sample[]) => number, name = '') =>
    rounds.map((round) => figure(pick(name, 'busy', [round])))
  const longest = perRound((samples) => Math.max(...samples.map(latency)))
  const failed = perRound((samples) => samples.filter(isFailed).length)
  const blocks = perRound(longestTurn, '/metrics')
  const slow = pick('', 'busy').filter((sample) => latency(sample) > 100).length
  return [
    ...p99s,
    {
      id: 'longest-request',
      value: Math.max(...longest),
      rounds: longest,
      note: `${formatCount(slow)} over 100 ms; the generator itself late by ${formatNumber(late)} ms at p99`,
    },
    {
      id: 'failed-requests',
      value: failed.reduce((sum, one) => sum + one, 0),
      rounds: failed,
      note: `of ${formatCount(pick('', 'busy').length)}: ${kinds(pick('', 'busy').filter(isFailed))}`,
    },
    {
      id: 'event-loop',
      value: Math.max(...blocks),
      rounds: blocks,
      note: `by its own metric, which shows up to 10 ms more; idle ${formatNumber(longestTurn(pick('/metrics', 'idle')))} ms`,
    },
  ]
}

async function during(work: () => Promise<unknown>): Promise<Window> {
  const from = now()
  await work()
  return { from, to: now() }
}

function overlaps({ due, end }: Sample, { from, to }: Window): boolean {
  return due < to && end > from
}

/** A request that was not answered is as slow as the time for which it was waited for. */
function latency({ due, end }: Sample): number {
  return end - due
}

function p99(samples: readonly Sample[]): number {
  return percentile(samples.map(latency), 0.99)
}

function isFailed({ status }: Sample): boolean {
  return status !== 200
}

/** How requests failed, by status or kind. */
function kinds(failed: readonly Sample[]): string {
  const counts = new Map<string, number>()
  for (const { status, error } of failed) {
    const kind = String(status ?? error)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ') || 'none'
}

/** The longest time between two turns of the event loop that the scrapes saw, in milliseconds. */
function longestTurn(scrapes: readonly Sample[]): number {
  const seen = scrapes.flatMap(({ captured }) => (captured === undefined ? [] : [captured * 1_000]))
  if (seen.length === 0) throw new Error('no scrape told nodejs_eventloop_lag_max_seconds')
  return Math.max(...seen)
}
