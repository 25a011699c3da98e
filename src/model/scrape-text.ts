import { formatAge } from './duration.ts'
import type { ExplainAnswer, Explanation } from './explanation.ts'
import type { Scrape, Scrapes } from './scrape.ts'

/** The state of a target in a Prometheus server, as the end of a sentence. */
export function scrapeText(scrape: Scrape, nowMs: number): string {
  const { failure, notes } = scrape
  const old = failure === undefined ? [] : [`since then it cannot be queried: ${failure}`]
  return [stateText(scrape, nowMs), ...notes, ...old].join('; ')
}

function stateText({ server, state, pool, why, lastScrapeMs, sinceMs }: Scrape, nowMs: number): string {
  const ago = (ms: number) => formatAge(nowMs - ms)
  const name = `in Prometheus ${server}`
  if (state === 'up') {
    const scraped = lastScrapeMs === undefined ? '' : `, scraped ${ago(lastScrapeMs)} ago`
    return `up ${name} (pool ${pool}${scraped})`
  }
  if (state === 'down') {
    const seen = sinceMs === undefined ? '' : `, seen for ${ago(sinceMs)}`
    return `down ${name} (pool ${pool}${seen}): ${why ?? 'no error is given'}`
  }
  if (state === 'pending') return `not scraped yet ${name} (pool ${pool})`
  if (state === 'dropped') return `${why} ${name}`
  return `unknown ${name}: ${why}`
}

/** The state of a target in a Prometheus server, as JSON. */
export function describeScrape(scrape: Scrape) {
  const { server, state, pool, why, notes, failure, lastScrapeMs, sinceMs } = scrape
  return {
    server,
    state,
    pool: pool ?? null,
    why: why ?? null,
    notes,
    failure: failure ?? null,
    last_scrape: timeOf(lastScrapeMs),
    since: timeOf(sinceMs),
  }
}

function timeOf(wallMs: number | undefined): string | null {
  return wallMs === undefined ? null : new Date(wallMs).toISOString()
}

/**
 * Adds to each served target of an answer its state in the Prometheus servers, also in the verdicts.
 * @param nowMs wall-clock time
 */
export function withScrapes<Shown>(
  answer: ExplainAnswer,
  scrapes: Pick<Scrapes, 'of'>,
  nowMs: number,
  show: (scrape: Scrape) => Shown,
) {
  const told = answer.explanations.map((explanation) => explainScrapes(explanation, scrapes, nowMs, show))
  const [first] = answer.explanations
  const [firstTold] = told
  // The whole verdict contains that on the first match, possibly followed by the gaps of the search.
  const verdict =
    first === undefined || firstTold === undefined
      ? answer.verdict
      : answer.verdict.replace(first.verdict, () => firstTold.verdict)
  return { ...answer, explanations: told, verdict }
}

function explainScrapes<Shown>(
  explanation: Explanation,
  scrapes: Pick<Scrapes, 'of'>,
  nowMs: number,
  show: (scrape: Scrape) => Shown,
) {
  const seen = explanation.targets.map((target) => {
    if (target.final === null || !target.served) return { target, all: [] }
    return { target, all: scrapes.of(explanation.source, target.final.address, target.final.labels) }
  })
  const texts = [...new Set(seen.flatMap(({ all }) => all.map((one) => scrapeText(one, nowMs))))]
  return {
    ...explanation,
    targets: seen.map(({ target, all }) => ({ ...target, scrapes: all.map(show) })),
    verdict: [explanation.verdict, ...texts.slice(0, MAX_TEXTS)].join('; '),
  }
}

/** The number of sentences that are added to a verdict. */
const MAX_TEXTS = 4
