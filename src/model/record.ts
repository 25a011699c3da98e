/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** One entry of an inventory as it was read: usually an object, sometimes a bare host name. */
export type InventoryRecord = Json

/** Whether the value is a JSON object (not null, not an array). */
export function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field of a record; own properties only, so `constructor` and `__proto__` are not found. */
export function fieldOf(value: Json | undefined, key: string): Json | undefined {
  if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
  return value[key]
}

/** The kind of a value, in words: "null", "a list", "an object", "a string". */
export function kindOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** The name of a field in lower case without separators. */
export function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '')
}
