import { systemClock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { displayUrl } from '../base/urls.ts'
import { USER_AGENT } from '../base/version.ts'
import { subtract } from '../roll/members.ts'
import { shownSample } from '../snapshot/changes.ts'
import { createRequester, DEFAULT_HTTP_CLIENT, type HttpAnswer } from '../sources/http/requester.ts'
import type { Built, DryRun } from './dry-run.ts'
import { count, shownLine } from './printed.ts'

/** The timeout of a request to the server, in milliseconds. */
const TIMEOUT_MS = 30_000

/** The largest list, in bytes. */
const MAX_BYTES = 2 ** 30

/** The difference between a list and the one that a running server serves. */
export interface Difference {
  /** A line of text. */
  readonly line: string
  /** The list of the server could not be read. */
  readonly isFailed: boolean
}

/**
 * Compares the list of a source with the one that a running Rollcall serves: which targets would join, and which would
 * be missing and leave when the guard allows it.
 * @param server its URL, as in `--web.external-url`
 * @returns undefined when there is no list to compare
 */
export async function compareWith(
  server: URL,
  { settings: { name }, result }: DryRun,
): Promise<Difference | undefined> {
  if (result.built === undefined) return undefined
  const url = `${displayUrl(server).replace(/\/$/, '')}/targets/${name}`
  // Not fetch, which refuses a list of ports.
  const requester = createRequester(DEFAULT_HTTP_CLIENT, { clock: systemClock, userAgent: USER_AGENT })
  const request = { method: 'GET', url: new URL(url), maxBytes: MAX_BYTES, accepts: () => true } as const
  try {
    const answer = await requester.send(request, AbortSignal.timeout(TIMEOUT_MS))
    if (isUnknown(answer)) return told(name, `all of its targets would join: ${url} is not known there`)
    if (answer.status !== 200) throw new Error(`it answered with status ${answer.status}`)
    return told(name, `against ${url}: ${describe(listIn(answer), result.built)}`)
  } catch (error) {
    const why = messageOf(error).replace(`GET ${url}: `, '')
    return { line: `${name}: not compared with ${url}: ${shownLine(why)}\n`, isFailed: true }
  } finally {
    await requester.close()
  }
}

/** Whether a Rollcall server answers that it has no such source; a 404 of another server does not prove this. */
function isUnknown({ status, body }: HttpAnswer): boolean {
  if (status !== 404) return false
  try {
    return JSON.parse(body.toString()).error?.code === 'source_not_found'
  } catch {
    return false
  }
}

/** @throws Error when the response is not from a Rollcall server */
function listIn({ headers, body }: HttpAnswer): Buffer {
  if (headers['x-rollcall-age-seconds'] === undefined) throw new Error('it is not a Rollcall server')
  return body
}

function told(name: string, text: string): Difference {
  return { line: `${name}: ${text}\n`, isFailed: false }
}

function describe(served: Buffer, { body }: Built): string {
  const joins = subtract({ body, others: [served] })
  const leaves = subtract({ body: served, others: [body] })
  return `${some(joins)} would join, ${some(leaves)} would leave when the guard allows it`
}

function some({ targets, samples }: ReturnType<typeof subtract>): string {
  if (targets === 0) return 'no target'
  const names = samples.map((sample) => shownLine(shownSample(sample)))
  return `${count(targets, 'target')} (${[...names, ...(targets > names.length ? ['…'] : [])].join(', ')})`
}
