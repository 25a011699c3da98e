import type { TSchema } from 'typebox'
import Value from 'typebox/value'
import type { Expectation } from '../base/expectation.ts'
import { MASK } from '../base/secret.ts'
import { suggest } from '../base/suggest.ts'
import type { Path, Problem } from './document.ts'
import { shownValue } from './shown.ts'

/** A JSON Schema node, as far as messages need it. */
interface Node extends Expectation {
  readonly type?: string
  readonly anyOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly examples?: readonly unknown[]
}

const TYPE_WORDS: Record<string, string> = {
  object: 'a set of keys',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
}

/**
 * Checks a value against a schema and says in words what is wrong: the unknown key and the known one that
 * is near, the missing key, the wrong value and what is expected instead.
 */
export function validate(schema: TSchema, value: unknown): Problem[] {
  const problems = new Map<string, SchemaProblem>()
  for (const error of Value.Errors(schema, value)) {
    const path = pathOf(error.instancePath, value)
    for (const problem of explain(schema as Node, value, path, error)) {
      // A value that fails a union fails each of its branches; one line is enough.
      const key = JSON.stringify(problem.path)
      if (!problems.has(key)) problems.set(key, problem)
    }
  }
  // A misspelt key that is needed is one mistake, not two.
  const misspelt = [...problems.values()].map(({ meant }) => JSON.stringify(meant))
  return [...problems].filter(([path]) => !misspelt.includes(path)).map(([, problem]) => problem)
}

/** A problem and, for an unknown key, the path of the known one that is near. */
interface SchemaProblem extends Problem {
  readonly meant?: Path
}

type SchemaError = ReturnType<typeof Value.Errors>[number]

function explain(schema: Node, root: unknown, path: Path, error: SchemaError): SchemaProblem[] {
  const whole = nodeAt(schema, root, path)
  const value = valueAt(root, path)
  const node = branchFor(whole, value)
  if (error.keyword === 'boolean') return []
  if (error.keyword === 'additionalProperties') {
    return error.params.additionalProperties.map((key) => unknownKey(node, path, key))
  }
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((key) => missingKey(node, path, key))
  }
  // A set of keys where it may be one: what is wrong inside it has errors of its own.
  if (node !== whole && node?.type === 'object') return []
  return [{ path, message: `${wrong(node, value)} ${expected(node)}` }]
}

function wrong(node: Node | undefined, value: unknown): string {
  const isSecret = mayHoldSecret(node, value)
  if (value === undefined || value === null || (isSecret && value === '')) return 'is empty; expected'
  return `${isSecret ? MASK : shownValue(value)} is not`
}

/** Whether a value stands in a secret's place or in that of keys of which one is a secret, or is around such keys. */
function mayHoldSecret(node: Node | undefined, value: unknown): boolean {
  if (node?.secret === true) return true
  const { properties, patternProperties, items, anyOf }: Node = { ...node }
  const keys = Object.values({ ...properties, ...patternProperties, ...(items && { items }) })
  const parts = [...keys, ...(anyOf ?? [])]
  return parts.some((part) => part.secret === true || (hasKeys(value) && mayHoldSecret(part, value)))
}

/** Whether there are keys in a value, at any depth: one of them may be that of a secret. */
function hasKeys(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Array.isArray(value) ? value.some(hasKeys) : Object.keys(value).length > 0
}

function unknownKey(node: Node | undefined, path: Path, key: string): SchemaProblem {
  const properties = node?.properties as Readonly<Record<string, Node>>
  const known = Object.keys(properties)
  const meantIs = Object.values(properties).find(({ insteadOf = {} }) => Object.hasOwn(insteadOf, key))
  if (meantIs !== undefined) {
    const message = `there is no such key; write ${meantIs.insteadOf?.[key]}`
    return { path: [...path, key], message, atKey: true }
  }
  const near = suggest(key, known)
  const hint = near === undefined ? `the keys here are ${known.join(', ')}` : `did you mean ${near}?`
  const meant = near === undefined ? {} : { meant: [...path, near] }
  return { path: [...path, key], message: `there is no such key; ${hint}`, atKey: true, ...meant }
}

function missingKey(node: Node | undefined, path: Path, key: string): Problem {
  const wanted = node?.properties?.[key]
  const example = wanted?.examples?.[0]
  const shape = example === undefined ? expected(wanted) : `such as ${key}: ${example}`
  return { path: [...path, key], message: `is missing; add it: ${shape}` }
}

function expected(node: Node | undefined): string {
  if (node?.expects !== undefined) return node.expects
  const types = node?.anyOf?.map((branch) => branch.type) ?? [node?.type]
  return types.map((type) => TYPE_WORDS[String(type)]).join(', ')
}

function nodeAt(schema: Node, root: unknown, path: Path): Node | undefined {
  let node: Node | undefined = schema
  for (const [index, step] of path.entries()) {
    const parent = branchFor(node, valueAt(root, path.slice(0, index)))
    node =
      typeof step === 'number'
        ? parent?.items
        : (parent?.properties?.[step] ?? Object.values(parent?.patternProperties ?? {})[0])
  }
  return node
}

/** Of a union with a set of keys in it, that branch when the value is a set of keys too. */
function branchFor(node: Node | undefined, value: unknown): Node | undefined {
  const isKeys = typeof value === 'object' && value !== null && !Array.isArray(value)
  return (isKeys ? node?.anyOf?.find(({ type }) => type === 'object') : undefined) ?? node
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const step of path) value = (value as Record<number | string, unknown> | undefined)?.[step]
  return value
}

/** A JSON pointer as steps, with numbers where the value holds a list. */
function pathOf(pointer: string, root: unknown): Path {
  const path: (number | string)[] = []
  for (const raw of pointer.split('/').slice(1)) {
    const step = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(valueAt(root, path)) ? Number(step) : step)
  }
  return path
}
