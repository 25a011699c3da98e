import type { Expectation } from '../base/expectation.ts'
import { shownValue } from '../base/printable.ts'
import { MASK } from '../base/secret.ts'
import { suggest } from '../base/suggest.ts'
import type { Path, Problem } from '../sources/resolving.ts'

/** A JSON Schema, of the keywords that the schemas of the configuration use. */
export interface Schema extends Expectation {
  readonly type?: string
  readonly const?: unknown
  readonly pattern?: string
  readonly minLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  /** One pattern that matches every key, for keys that users choose. */
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly anyOf?: readonly Schema[]
  readonly examples?: readonly unknown[]
}

type Keys = Readonly<Record<string, unknown>>

/** The name of each type in messages, and its check. */
const TYPES: Readonly<Record<string, readonly [words: string, is: (value: unknown) => boolean]>> = {
  object: ['a set of keys', isKeys],
  array: ['a list', Array.isArray],
  string: ['a text', (value) => typeof value === 'string'],
  number: ['a number', Number.isFinite],
  integer: ['a whole number', Number.isInteger],
  boolean: ['true or false', (value) => typeof value === 'boolean'],
  null: ['nothing', (value) => value === null],
}

/**
 * Checks a value against a schema, and explains each problem: the unknown key and a similar known one, the missing key,
 * the wrong value and the expected one. Formats are checked by the code that reads the values. A general validator is not
 * used: its messages would have to be mapped back to the schema, and it would need a third of Rollcall's memory budget.
 */
export function validate(schema: Schema, value: unknown, path: Path = []): Problem[] {
  if (schema.anyOf !== undefined) return validateUnion(schema, schema.anyOf, value, path)
  if (!fits(schema, value)) return [misfit(schema, value, path)]
  if (isKeys(value)) return validateKeys(schema, value, path)
  if (!Array.isArray(value)) return []
  return value.flatMap((item, index) => validate(schema.items ?? {}, item, [...path, index]))
}

function validateUnion(schema: Schema, branches: readonly Schema[], value: unknown, path: Path): Problem[] {
  if (branches.some((branch) => validate(branch, value, path).length === 0)) return []
  // A set of keys, or a list, where the schema allows one: the problem is inside it.
  const meant = branches.find(({ type }) => type === (isKeys(value) ? 'object' : 'array'))
  const isMeant = meant !== undefined && fits(meant, value)
  return isMeant ? validate(meant, value, path) : [misfit(schema, value, path)]
}

/** Whether a value itself is valid; its content is not checked. */
function fits(schema: Schema, value: unknown): boolean {
  const { type, pattern = '', minLength = 0, minItems = 0 } = schema
  if (type !== undefined && TYPES[type]?.[1](value) !== true) return false
  if ('const' in schema && value !== schema.const) return false
  if (typeof value === 'string') return value.length >= minLength && new RegExp(pattern, 'u').test(value)
  if (typeof value === 'number') {
    const { minimum = value, maximum = value } = schema
    return !(value < minimum || value > maximum) // .nan passes both comparisons; the check of the type refuses it
  }
  return !Array.isArray(value) || value.length >= minItems
}

function validateKeys(schema: Schema, value: Keys, path: Path): Problem[] {
  const { properties = {}, required = [], patternProperties } = schema
  const [chosen] = Object.values(patternProperties ?? {})
  // A schema without named keys allows any key.
  const isOpen = schema.properties === undefined
  const problems: Problem[] = []
  /** Required keys that were misspelled: these are reported only once. */
  const meant = new Set<string>()
  for (const [key, inner] of Object.entries(value)) {
    const known = isOpen ? (chosen ?? {}) : Object.hasOwn(properties, key) ? properties[key] : undefined
    if (known !== undefined) problems.push(...validate(known, inner, [...path, key]))
    else problems.push(unknownKey(properties, key, path, meant))
  }
  const missing = required.filter((key) => !Object.hasOwn(value, key) && !meant.has(key))
  return [...missing.map((key) => missingKey(properties[key], key, path)), ...problems]
}

function unknownKey(
  properties: Readonly<Record<string, Schema>>,
  key: string,
  path: Path,
  meant: Set<string>,
) {
  const problem = (hint: string) => ({
    path: [...path, key],
    message: `there is no such key; ${hint}`,
    atKey: true,
  })
  const instead = Object.values(properties).find(({ insteadOf = {} }) => Object.hasOwn(insteadOf, key))
  if (instead !== undefined) return problem(`write ${instead.insteadOf?.[key]}`)
  const known = Object.keys(properties)
  const near = suggest(key, known)
  if (near === undefined) return problem(`the keys here are ${known.join(', ')}`)
  meant.add(near)
  return problem(`did you mean ${near}?`)
}

function missingKey(wanted: Schema | undefined, key: string, path: Path): Problem {
  const example = wanted?.examples?.[0]
  const shape = example === undefined ? expected(wanted) : `such as ${key}: ${written(example)}`
  return { path: [...path, key], message: `is missing; add it: ${shape}` }
}

/** An example as written in a file: a text without quotes, any other value in YAML's flow style. */
function written(example: unknown): string {
  return typeof example === 'string' ? example : JSON.stringify(example, null, 1).replace(/\n */g, ' ')
}

function misfit(schema: Schema, value: unknown, path: Path): Problem {
  if (needsQuotes(schema, value))
    return { path, message: `${shown(schema, value)} is not a text; put it in quotes` }
  const mend = schema.type === 'array' && isKeys(value) ? '; begin each item of the list with "- "' : ''
  return { path, message: `${wrong(schema, value)} ${expected(schema)}${mend}` }
}

/** Whether a value would be valid as a text: YAML reads an unquoted text such as 1 or true as a number or boolean. */
function needsQuotes(schema: Schema, value: unknown): boolean {
  const isPlain = typeof value === 'number' || typeof value === 'boolean'
  return isPlain && schema.pattern !== undefined && fits(schema, String(value))
}

function wrong(schema: Schema, value: unknown): string {
  if (value === null || (value === '' && mayHoldSecret(schema, value))) return 'is empty; expected'
  return `${shown(schema, value)} is not`
}

/** A value for a message; of a value that may contain a secret only its type is shown. */
function shown(schema: Schema, value: unknown): string {
  if (!mayHoldSecret(schema, value)) return shownValue(value)
  if (isKeys(value)) return 'a set of keys'
  return Array.isArray(value) ? 'a list' : MASK
}

/** Whether a value is in the place of a secret, or of keys with a secret among them, or contains such keys. */
function mayHoldSecret(schema: Schema, value: unknown): boolean {
  if (schema.secret === true) return true
  const { properties, patternProperties, items, anyOf = [] } = schema
  const keys = Object.values({ ...properties, ...patternProperties, ...(items && { items }) })
  return [...keys, ...anyOf].some(
    (part) => part.secret === true || (hasKeys(value) && mayHoldSecret(part, value)),
  )
}

/** Whether a value contains keys at any depth: one of them may be that of a secret. */
function hasKeys(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Array.isArray(value) ? value.some(hasKeys) : Object.keys(value).length > 0
}

function expected(schema: Schema | undefined): string {
  if (schema?.expects !== undefined) return schema.expects
  const types = schema?.anyOf?.map(({ type }) => type) ?? [schema?.type]
  return types.map((type) => TYPES[String(type)]?.[0]).join(', ')
}

function isKeys(value: unknown): value is Keys {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
