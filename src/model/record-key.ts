import { type InventoryRecord, isObject, type Json } from './record.ts'

/** The fields that tell records apart when none is configured; the first that is there counts. */
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

/** Longer keys are data gone wrong, and say nothing. */
const MAX_KEY_LENGTH = 1_024

/**
 * What tells a record apart from the others of its inventory, so that it is recognised when it cannot be read any
 * more: the first of {@link KEY_FIELDS} that is a text or a number.
 * @returns undefined when there is none
 */
export function usualKey(record: InventoryRecord): string | undefined {
  if (!isObject(record)) return undefined
  // Fields are named one by one, since there may be a million records; none of these is inherited.
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

/** The same of the fields that no two records share. */
function uniqueKey(record: InventoryRecord): string | undefined {
  if (!isObject(record)) return undefined
  const { id, uuid, uid } = record as Record<string, Json>
  return keyText(id) ?? keyText(uuid) ?? keyText(uid)
}

/**
 * What tells a record from the others of its list, as 53 bits: its id, or without one all that is in it. Of a million
 * records two come out alike once in ten thousand lists.
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

/** Whether a record is the same as one that was read just before, although something in it may have changed since. */
export function isSameRecord(record: InventoryRecord, before: InventoryRecord): boolean {
  if (identityOf(record) === identityOf(before)) return true
  const key = usualKey(record)
  return key !== undefined && uniqueKey(record) === undefined && key === usualKey(before)
}

/** Stands for the key of a target whose record has none. */
export const NO_KEY = 0

/**
 * A record's key and one of its targets as 32 bits, never {@link NO_KEY}: four bytes a target are what a million may
 * cost. Two keys that come out alike make a target stay longer than it needs to, never shorter.
 * @param slot which target of the record, from 0
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
