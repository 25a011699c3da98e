import { MAX_TIMER_MS } from '../../model/duration.ts'
import type { PushConfig } from '../../sources/push/config.ts'
import { DEFAULT_MAX_INSTANCES, DEFAULT_MAX_TTL, DEFAULT_TTL_MS } from '../../sources/push/defaults.ts'
import type { PushSourceOptions } from '../../sources/push/source.ts'
import type { FileSource } from '../schema.ts'
import { attempt, type Context, complain, within } from './context.ts'
import { readTtl } from './readers.ts'
import { assertTokens, resolveSecretFile } from './secret.ts'

/** Resolves the keys of `push:`. */
export function resolvePush(push: PushConfig, source: FileSource, context: Context): PushSourceOptions {
  const inPush = within(context, 'push')
  assertAuthentication(push, inPush)
  if (source.fail_if !== undefined) {
    const message = 'has no meaning for push, as there is no answer that could fail; remove it'
    complain(context, ['fail_if'], message, { atKey: true })
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
