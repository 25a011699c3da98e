import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { createMutex } from '../base/mutex.ts'
import { displayUrl } from '../base/urls.ts'
import { discoveryFault } from '../model/address.ts'
import { isLabelName, isLabelValue, sortedLabels } from '../model/labels.ts'
import type { EncodedGroup } from '../model/list.ts'
import { fieldOf, isObject, type Json } from '../model/record.ts'
import { SOURCE_LABEL } from '../model/target-group.ts'
import { createPacker } from '../pipeline/pack.ts'
import type { Before } from '../roll/kept.ts'
import { openRoll, type Roll } from '../roll/roll.ts'
import { DEFAULT_GUARD } from '../roll/rules.ts'
import { createRequester, DEFAULT_HTTP_CLIENT, type HttpAnswer } from '../sources/http/requester.ts'
import { DEFAULT_MAX_RESPONSE_BYTES } from '../sources/http/source.ts'

/** How long the lists of all sources together may take, in milliseconds: the server does not listen before. */
export const SEED_TIMEOUT_MS = 10_000

/** What taking lists from a peer needs from outside. */
export interface SeedDeps {
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly userAgent: string
}

/** Another Rollcall, whose lists a new one begins with. */
export interface Seed {
  /**
   * The list of a source as the peer serves it now, as if it had been kept here. What the peer knows beyond the list is
   * not in it: which targets are missing since when, and the keys of records. Never fails; the log says why there is none.
   * @param nowMs on the monotonic clock
   * @returns undefined when the peer has no list, or not in time
   */
  load(source: string, nowMs: number): Promise<Before | undefined>
  /** Drops connections, and ends what is under way. */
  close(): Promise<void>
}

/**
 * Creates the client of a peer; the time that it has begins now.
 * @param peer its URL; a user and password in it are sent as basic authentication
 */
export function createSeed(peer: URL, { clock, log, userAgent }: SeedDeps): Seed {
  const requester = createRequester(DEFAULT_HTTP_CLIENT, { clock, userAgent })
  const controller = new AbortController()
  const endMs = clock.monotonic() + SEED_TIMEOUT_MS
  const tooLong = () => new Error(`its lists took longer than ${SEED_TIMEOUT_MS / 1000} s`)
  const cancel = clock.after(SEED_TIMEOUT_MS, () => {
    controller.abort(tooLong())
  })

  // One list at a time: each takes a multiple of its bytes while it is read.
  const mutex = createMutex()

  async function read(source: string, url: URL, nowMs: number): Promise<Before> {
    const request = { method: 'GET' as const, url, maxBytes: maxBytes() }
    const answer = await requester.send(request, controller.signal)
    const wallMs = clock.now()
    const ageMs = ageIn(answer, wallMs)
    const roll = rollOf(answer.body, source, nowMs)
    // While it was read no timer could end it.
    if (clock.monotonic() >= endMs) throw tooLong()
    return { roll, changedAtMs: wallMs, lastSuccessMs: wallMs - ageMs, isSeed: true, otherOrigin: undefined }
  }

  return {
    async load(source, nowMs) {
      const url = listUrl(peer, source)
      const told = { source, peer: displayUrl(url) }
      try {
        const kept = await mutex(() => read(source, url, nowMs))
        log.info({ ...told, targets: kept.roll.keys.length }, 'list taken from the peer')
        return kept
      } catch (error) {
        log.warn({ ...told, error: messageOf(error) }, 'no list from the peer; waiting for the inventory')
        return undefined
      }
    },
    async close() {
      cancel()
      await requester.close()
    },
  }
}

function listUrl(peer: URL, source: string): URL {
  const url = new URL(peer)
  url.pathname = `${url.pathname.replace(/(?<!\/)\/+$/, '')}/targets/${encodeURIComponent(source)}`
  return url
}

/** As Rollcall writes it. */
const AGE = /^\d{1,12}(?:\.\d{1,3})?$/

/** The part of the heap that one list may take: what is made of it takes several times as much for a while. */
const HEAP_SHARE = 1 / 20

/** The largest list that is taken, in bytes. */
function maxBytes(): number {
  return Math.min(DEFAULT_MAX_RESPONSE_BYTES, Math.floor(getHeapStatistics().heap_size_limit * HEAP_SHARE))
}

/**
 * How old a list was when it was sent, in milliseconds.
 * @throws Error when it is not Rollcall that answered, or not with the whole list
 */
function ageIn({ status, headers }: HttpAnswer, wallMs: number): number {
  const ageMs = Number(AGE.exec(String(headers['x-rollcall-age-seconds']))?.[0] ?? Number.NaN) * 1000
  if (status === 200 && ageMs <= wallMs) return ageMs
  throw new Error(
    'what answered is no Rollcall; --storage.seed-url must be the URL of one, such as https://rollcall:8080',
  )
}

/**
 * The roll of a list whose targets all answered. Which configuration selected them is not known: many of them that are
 * missing in the first reading wait for an operator (rule 4).
 * @throws Error when it is no list of target groups, or an empty one, or of another source
 */
function rollOf(body: Buffer, source: string, nowMs: number): Roll {
  const packer = createPacker()
  for (const { targets, labels } of groupsOf(JSON.parse(body.toString()))) {
    const of = labels[SOURCE_LABEL]
    if (of !== undefined && of !== source) throw new Error(`its list is of the source ${of}`)
    const sorted = sortedLabels(new Map(Object.entries(labels)))
    for (const address of targets) packer.add({ address, labels: sorted })
  }
  // Only readings prove that there is nothing (rule 7).
  if (packer.isEmpty()) throw new Error('its list is empty')
  const reading = { ...packer.pack(), unreadable: new Set<number>(), keyless: 0, idle: 0, isAtRest: true }
  const all = { left: 0, roll: 0, options: DEFAULT_GUARD }
  return openRoll(reading, { nowMs, startedMs: nowMs, selection: '', options: DEFAULT_GUARD, all }).roll
}

function groupsOf(value: Json): readonly EncodedGroup[] {
  if (Array.isArray(value) && value.every(isGroup)) return value as unknown as readonly EncodedGroup[]
  throw new Error('its answer is no list of target groups')
}

function isGroup(group: Json): boolean {
  const [targets, labels] = [fieldOf(group, 'targets'), fieldOf(group, 'labels')]
  if (!Array.isArray(targets) || !isObject(labels)) return false
  return targets.every(isAddress) && Object.entries(labels).every(isLabel)
}

function isAddress(value: Json): boolean {
  return typeof value === 'string' && discoveryFault(value) === undefined
}

function isLabel([name, value]: readonly [string, Json]): boolean {
  return isLabelName(name, 'utf8') && typeof value === 'string' && isLabelValue(value)
}
