import { messageOf } from '../base/errors.ts'
import { displayUrl } from '../base/urls.ts'
import { subtract } from '../roll/members.ts'
import { shownSample } from '../snapshot/changes.ts'
import type { Built, DryRun } from './dry-run.ts'
import { count, shownLine } from './printed.ts'

/** The timeout of a request to the server, in milliseconds. */
const TIMEOUT_MS = 30_000

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
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (await isUnknown(response))
      return told(name, `all of its targets would join: ${url} is not known there`)
    if (response.status !== 200) throw new Error(`it answered with status ${response.status}`)
    return told(name, `against ${url}: ${describe(await listIn(response), result.built)}`)
  } catch (error) {
    const { cause } = error as Error
    const line = `${name}: not compared with ${url}: ${shownLine(messageOf(cause ?? error))}\n`
    return { line, isFailed: true }
  }
}

/** Whether a Rollcall server answers that it has no such source; a 404 of another server does not prove this. */
async function isUnknown(response: Response): Promise<boolean> {
  if (response.status !== 404) return false
  const body = (await response.json().catch(() => undefined)) as { error?: { code?: string } } | undefined
  return body?.error?.code === 'source_not_found'
}

/** @throws Error when the response is not from a Rollcall server */
async function listIn(response: Response): Promise<Buffer> {
  const body = Buffer.from(await response.arrayBuffer())
  if (!response.headers.has('x-rollcall-age-seconds')) throw new Error('it is not a Rollcall server')
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
