// npm run tool -- shifting [--readings=N]: how rarely a target that is there leaves because pages shift while they are read.
// An inventory of 1,200 devices in twelve pages, in which one device comes or goes during each reading, is read through
// the real pager; a target is lost when two readings in a row that counted lacked it (rule 2) though it was there.
import { RefreshError } from '../src/base/errors.ts'
import { JSON_FORMAT } from '../src/model/document.ts'
import type { PageHabits } from '../src/sources/http/pagination/moves.ts'
import { readPages } from '../src/sources/http/pagination/read-pages.ts'
import { resolvePagination } from '../src/sources/http/pagination/resolve.ts'
import type { Requester } from '../src/sources/http/requester.ts'
import type { Context } from '../src/sources/resolving.ts'
import { createRandom, seedOfRun } from '../test/helpers/random.ts'

const DEVICES = 1_200
const PAGE = 100
const PAGES = DEVICES / PAGE
const READINGS = Number(
  process.argv.find((one) => one.startsWith('--readings='))?.slice('--readings='.length) ?? 100_000,
)

type Config = Parameters<typeof resolvePagination>[0]
type List = readonly { readonly id: number }[]

/** What a request asks for, from where on. */
const askedFrom = (query: URLSearchParams) =>
  Number(query.get('page') ?? 0) * PAGE + Number(query.get('offset') ?? 0)

/** A page, in all that any style goes by: `total` and `next` are read by those that are told to. */
const answerOf = (list: List, from: number) => ({
  items: list.slice(from, from + PAGE),
  total: list.length,
  next: from + PAGE < list.length ? `?offset=${from + PAGE}` : null,
})

const STYLES: Record<string, Config> = {
  'page numbers': { page: { parameter: 'page', first: 0 }, items: 'items' },
  'page numbers, with a total': { page: { parameter: 'page', first: 0 }, items: 'items', total: 'total' },
  'next links': { next_url: 'next', items: 'items' },
  'next links, with a total': { next_url: 'next', items: 'items', total: 'total' },
  offsets: { offset: { parameter: 'offset' }, items: 'items' },
}

const NEVER = new AbortController().signal
const context = { folder: '/', env: {}, textAt: () => undefined, problems: [], needs: [] }
const seed = seedOfRun()
console.log(`${READINGS} readings of each style; SEED=${seed} repeats them`)
for (const [name, config] of Object.entries(STYLES)) {
  const random = createRandom(seed)
  const pagination = resolvePagination(config, { body: undefined, isComplete: false }, {
    ...context,
    path: [],
  } as unknown as Context)
  if (pagination === undefined) throw new Error(`${name}: no pagination`)
  let list: List = Array.from({ length: DEVICES }, (_, id) => ({ id }))
  let next = DEVICES
  let gone = new Set<number>()
  let missingBefore = new Set<number>()
  let before: List = []
  let got = new Set<number>()
  // `readings`: with those that were made again; `lacking`: that counted though they lacked something.
  const count = { readings: 0, failed: 0, lacking: 0, losing: 0 }

  /** One device comes or goes in a reading, on average. */
  const change = () => {
    if (!random.once(PAGES)) return
    const at = random.int(list.length)
    if (list.length > DEVICES || (list.length === DEVICES && random.once(2))) {
      gone.add((list[at] as { id: number }).id)
      list = list.toSpliced(at, 1)
    } else list = list.toSpliced(at, 0, { id: next++ })
  }

  const habits: PageHabits = { hasShortPages: false }
  const requester: Pick<Requester, 'send'> = {
    async send({ url }) {
      const from = askedFrom(url.searchParams)
      if (from === 0) {
        count.readings++
        gone = new Set()
        before = list
        got = new Set()
      }
      const content = { ...answerOf(list, from), ...(!name.includes('total') && { total: undefined }) }
      for (const { id } of content.items) got.add(id)
      change()
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(content)), url }
    },
  }
  const request = {
    method: 'GET',
    url: new URL('http://inventory.example/'),
    headers: {},
    body: undefined,
    format: JSON_FORMAT,
  } as const

  for (let reading = 0; reading < READINGS; reading++) {
    try {
      const options = { ...request, maxBytes: Number.MAX_SAFE_INTEGER, pagination }
      await readPages(requester, options, { habits, signal: NEVER })
    } catch (error) {
      if (!(error instanceof RefreshError && error.reason === 'pagination')) throw error
      count.failed++
      continue
    }
    const missing = new Set(before.map(({ id }) => id).filter((id) => !got.has(id) && !gone.has(id)))
    const lost = [...missing].filter((id) => missingBefore.has(id)).length
    if (missing.size > 0) count.lacking++
    if (lost > 0) count.losing++
    missingBefore = missing
  }
  console.log(name, count)
}
