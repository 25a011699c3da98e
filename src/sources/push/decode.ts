import { messageOf } from '../../base/errors.ts'
import { isObject, type Json, kindOf } from '../../model/record.ts'
import { isInstanceId, readRegistration } from '../../model/registration.ts'
import type { Named } from './registrations.ts'

/** The version of the format in which instances are kept; a file of another version is not read. */
export const FORMAT = 1

/** What was kept. */
export interface Kept {
  readonly instances: readonly Named[]
  /** Why an instance cannot be used, for each of which that is so. */
  readonly unusable: readonly string[]
}

/**
 * Reads what was kept, each instance as strictly as a request: the file may have been changed. One that cannot be used
 * costs no other.
 * @param path for messages
 * @throws Error when it is not whole or of another version
 */
export function decodeKept(text: string, path: string): Kept {
  const kept = JSON.parse(text) as { format?: Json; instances?: Json } | null
  if (kept?.format !== FORMAT) {
    throw new Error(
      `${path} has the format ${JSON.stringify(kept?.format)}, not ${FORMAT}: another version wrote it`,
    )
  }
  if (!Array.isArray(kept.instances)) throw new Error(`${path} holds no list of instances`)
  const instances: Named[] = []
  const unusable: string[] = []
  for (const [index, value] of kept.instances.entries()) {
    try {
      instances.push(readInstance(value))
    } catch (error) {
      unusable.push(`instance ${index + 1}: ${messageOf(error)}`)
    }
  }
  return { instances, unusable }
}

function readInstance(value: Json): Named {
  if (!isObject(value)) throw new Error(`it is ${kindOf(value)}, not an object`)
  const { id, ttl_ms: ttlMs, address, labels } = value
  if (typeof id !== 'string' || !isInstanceId(id)) throw new Error('it has no id that may be one')
  if (typeof ttlMs !== 'number' || !(ttlMs > 0)) throw new Error('it has no time to live')
  return [id, { registration: readRegistration({ address, labels } as Json), ttlMs }]
}
