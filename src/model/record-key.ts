import { type InventoryRecord, isObject, type Json } from './record.ts'

/** The fields that identify records when no key is configured; the first one that is present counts. */
export const KEY_FIELDS = [
  'id',
  'uuid',
  'uid',
  'serial',
  'name',
  'hostname',
  'host',
  'address',
  'ip',
] as const

/** Longer keys are corrupt data and are ignored. */
const MAX_KEY_LENGTH = 1_024

/**
 * The key of a record in its inventory, by which it is recognised when it can no longer be mapped: the first
 * of {@link KEY_FIELDS} that is a text or a number.
 * @returns undefined when there is none
 */
export function usualKey(record: InventoryRecord): string | undefined {
  if (!isObject(record)) return undefined
  // Each field is read by name for speed, as there may be a million records; none of these names is
  // inherited.
  const { id, uuid, uid, serial, name, hostname, host, address, ip } = record as Record<string, Json>
  return (
    keyText(id) ??
    keyText(uuid) ??
    keyText(uid) ??
    keyText(serial) ??
    keyText(name) ??
    keyText(hostname) ??
    keyText(host) ??
    keyText(address) ??
    keyText(ip)
  )
}

function keyText(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value === '' || value.length > MAX_KEY_LENGTH ? undefined : value
  return typeof value === 'number' ? String(value) : undefined
}

/** The first of the key fields that no two records share. */
function uniqueKey(record: InventoryRecord): string | undefined {
  if (!isObject(record)) return undefined
  const { id, uuid, uid } = record as Record<string, Json>
  return keyText(id) ?? keyText(uuid) ?? keyText(uid)
}

/**
 * A hash of a record that identifies it in its list, of 53 bits: of its id, or without one of its whole
 * content. In a list of a million records two collide once in ten thousand lists.
 */
export function identityOf(record: InventoryRecord): number {
  const id = uniqueKey(record)
  const text = id === undefined ? JSON.stringify(record) : `#${id}`
  let [high, low] = [0xdeadbeef, 0x41c6ce57]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return 2 ** 32 * (low & 0x1fffff) + (high >>> 0)
}

/** Whether a record is the same as one of the previous reading, although its content may have changed. */
export function isSameRecord(record: InventoryRecord, before: InventoryRecord): boolean {
  if (identityOf(record) === identityOf(before)) return true
  const key = usualKey(record)
  return key !== undefined && uniqueKey(record) === undefined && key === usualKey(before)
}

/** The key hash of a target whose record has no key. */
export const NO_KEY = 0

/**
 * Hashes the key of a record and one of its targets to 32 bits, never {@link NO_KEY}: a million targets may
 * cost four bytes each. A collision keeps a target longer than needed, never shorter.
 * @param slot the target of the record, from 0
 */
export function hashKey(key: string, slot: number): number {
  let hash = 0x811c9dc5 ^ slot
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return Math.max(1, (hash ^ (hash >>> 16)) >>> 0)
}
