import { shownValue } from '../../base/printable.ts'
import { formatDuration, MAX_TIMER_MS, parseDuration } from '../../model/duration.ts'
import { patternFault } from '../../relabel/pattern.ts'
import {
  attempt,
  type Context,
  complain,
  readSize,
  resolveSecretFile,
  type SourceKeys,
  within,
} from '../resolving.ts'
import type { Kind } from '../source.ts'
import type { PushConfig } from './config.ts'
import { parseNetwork } from './policy.ts'
import {
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_INSTANCES,
  DEFAULT_MAX_TTL,
  DEFAULT_TTL_MS,
  MIN_TTL_MS,
} from './registry.ts'
import { createPushSource, type PushSourceOptions } from './source.ts'
import { assertDeviceTokens, assertTokens } from './tokens.ts'

/** Devices that register themselves. */
export const push: Kind<PushConfig, PushSourceOptions> = {
  resolve,
  create: (options, deps, before) =>
    createPushSource(
      options,
      { storage: undefined, report: () => {}, ...deps.push, clock: deps.clock, files: deps.files },
      before?.registry,
    ),
  placesOf: ({ name }) => [[name]],
}

function resolve(push: PushConfig, source: SourceKeys, context: Context): PushSourceOptions {
  const inPush = within(context, 'push')
  assertAuthentication(push, inPush)
  for (const key of (['fail_if', 'complete'] as const).filter((one) => source[one] !== undefined)) {
    const message = 'has no effect with push, which reads no inventory; remove it'
    complain(context, [key], message, { atKey: true })
  }
  const maxTtlMs = attempt(inPush, ['max_ttl'], () => readTtl(push.max_ttl ?? DEFAULT_MAX_TTL, MAX_TIMER_MS))
  const secretIn = (key: 'token_file' | 'device_tokens_file', check: (text: string) => void) => {
    const path = push[key]
    return path === undefined ? undefined : resolveSecretFile(path, [key], inPush, check)
  }
  assertPolicy(push, inPush)
  return {
    kind: 'push',
    name: source.name,
    token: secretIn('token_file', assertTokens),
    deviceTokens: secretIn('device_tokens_file', assertDeviceTokens),
    allowedLabels: push.allowed_labels,
    allowedNetworks: push.allowed_networks,
    address: push.address,
    ttlMs: resolveTtl(push.ttl, maxTtlMs, inPush),
    maxTtlMs,
    ...resolveCaps(push, inPush),
  }
}

function resolveCaps(push: PushConfig, context: Context): Caps {
  const bytes = (key: 'max_bytes' | 'max_bytes_per_token', fallback?: string) => {
    const text = push[key] ?? fallback
    return text === undefined ? undefined : attempt(context, [key], () => readSize(text))
  }
  for (const key of ['max_instances_per_token', 'max_bytes_per_token'] as const) {
    if (push[key] === undefined || push.token_file !== undefined) continue
    complain(context, [key], 'has no effect without token_file; remove it', { atKey: true })
  }
  return {
    maxInstances: push.max_instances ?? DEFAULT_MAX_INSTANCES,
    maxBytes: bytes('max_bytes', DEFAULT_MAX_BYTES),
    maxInstancesPerToken: push.max_instances_per_token,
    maxBytesPerToken: bytes('max_bytes_per_token'),
  }
}

type Caps = Pick<PushSourceOptions, 'maxInstances' | 'maxBytes' | 'maxInstancesPerToken' | 'maxBytesPerToken'>

/** @param maxTtlMs undefined when invalid */
function resolveTtl(text: string | undefined, maxTtlMs = MAX_TIMER_MS, context: Context): number {
  if (text === undefined) return Math.min(DEFAULT_TTL_MS, maxTtlMs)
  return attempt(context, ['ttl'], () => readTtl(text, maxTtlMs))
}

/** Requires a token, or an explicit choice to work without one: a missing key must not open the source. */
function assertAuthentication(push: PushConfig, context: Context): void {
  const isOpen = push.insecure_skip_authentication === true
  const file = (['token_file', 'device_tokens_file'] as const).find((key) => push[key] !== undefined)
  if (file === undefined && !isOpen) {
    complain(
      context,
      [],
      'does not set who can register; add token_file: … or device_tokens_file: …, or, to let everybody register, insecure_skip_authentication: true',
    )
  }
  if (file !== undefined && isOpen) {
    const message = `${file} already sets who can register; leave one of them out`
    complain(context, ['insecure_skip_authentication'], message, { atKey: true })
  }
}

function assertPolicy({ allowed_labels = [], allowed_networks = [] }: PushConfig, context: Context): void {
  for (const [index, label] of allowed_labels.entries()) {
    const fault = patternFault(label)
    if (fault === undefined) continue
    const message = `${shownValue(label)} is not an expression: ${fault.reason} at ${shownValue(fault.at)}`
    complain(context, ['allowed_labels', index], message)
  }
  for (const [index, network] of allowed_networks.entries()) {
    attempt(context, ['allowed_networks', index], () => parseNetwork(network))
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
