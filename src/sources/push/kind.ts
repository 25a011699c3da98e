import { shownValue } from '../../base/printable.ts'
import { formatDuration, MAX_TIMER_MS, parseDuration } from '../../model/duration.ts'
import { isHeaderValue } from '../http/headers.ts'
import { attempt, type Context, complain, resolveSecretFile, type SourceKeys, within } from '../resolving.ts'
import type { Kind } from '../source.ts'
import type { PushConfig } from './config.ts'
import { DEFAULT_MAX_INSTANCES, DEFAULT_MAX_TTL, DEFAULT_TTL_MS, MIN_TTL_MS } from './defaults.ts'
import { createPushSource, type PushSourceOptions } from './source.ts'

/** Devices that register themselves. */
export const push: Kind<PushConfig, PushSourceOptions> = {
  resolve,
  create: (options, deps, before) =>
    createPushSource(
      options,
      { storage: undefined, report: () => {}, ...deps.push, clock: deps.clock, files: deps.files },
      before?.register,
    ),
  placeOf: ({ name }) => [name],
}

function resolve(push: PushConfig, source: SourceKeys, context: Context): PushSourceOptions {
  const inPush = within(context, 'push')
  assertAuthentication(push, inPush)
  for (const key of (['fail_if', 'complete'] as const).filter((one) => source[one] !== undefined)) {
    const message = 'has no meaning for push, as there is no answer that could fail; remove it'
    complain(context, [key], message, { atKey: true })
  }
  const maxTtlMs = attempt(inPush, ['max_ttl'], () => readTtl(push.max_ttl ?? DEFAULT_MAX_TTL, MAX_TIMER_MS))
  return {
    kind: 'push',
    name: source.name,
    token:
      push.token_file === undefined
        ? undefined
        : resolveSecretFile(push.token_file, ['token_file'], inPush, assertTokens),
    ttlMs: resolveTtl(push.ttl, maxTtlMs, inPush),
    maxTtlMs,
    maxInstances: push.max_instances ?? DEFAULT_MAX_INSTANCES,
  }
}

/** @param maxTtlMs undefined when it is wrong */
function resolveTtl(text: string | undefined, maxTtlMs = MAX_TIMER_MS, context: Context): number {
  if (text === undefined) return Math.min(DEFAULT_TTL_MS, maxTtlMs)
  return attempt(context, ['ttl'], () => readTtl(text, maxTtlMs))
}

/** Nobody forgets the token by mistake: to do without one has to be written down. */
function assertAuthentication(push: PushConfig, context: Context): void {
  const isOpen = push.insecure_skip_authentication === true
  if (push.token_file === undefined && !isOpen) {
    complain(
      context,
      [],
      'does not say who may register; add token_file: …, or, if everybody may, insecure_skip_authentication: true',
    )
  }
  if (push.token_file !== undefined && isOpen) {
    const message = 'token_file says already who may register; leave one of them out'
    complain(context, ['insecure_skip_authentication'], message, { atKey: true })
  }
}

/**
 * Reads a time to live, in milliseconds.
 * @param maxMs the longest that is allowed
 * @throws Error that says what is expected
 */
function readTtl(text: string, maxMs: number): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= MIN_TTL_MS && ms <= maxMs) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 1s to ${formatDuration(maxMs)}`)
}

/** Throws an Error when a text is not one token on each line: then the others can be sent by nobody. */
function assertTokens(text: string): void {
  const lines = text.split('\n').map((line) => line.trim())
  const wrong = lines.findIndex((line) => /\s/.test(line) || !isHeaderValue(line))
  if (wrong === -1) return
  throw new Error(
    `holds in line ${wrong + 1} white space or a control character, which no token can hold; write one token on each line, and nothing else`,
  )
}
