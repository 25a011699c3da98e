import { labelText } from '../model/labels.ts'
import { fieldOf, isObject, type Json } from '../model/record.ts'

/** The path to a value in a record: names, and indexes in lists; -1 is the last item. */
export type Path = readonly (string | number)[]

/** A reference to a field of the record: `{store.id}`, `{ips[0]|127.0.0.1}`, `{@}` (the record itself). */
export interface Reference {
  readonly path: Path
  readonly shown: string
  readonly fallback: string | undefined
}

/** Text with references, compiled once and rendered for every record. */
export type Template = readonly (string | Reference)[]

/** Why a template has no text for a record. */
export interface RenderFault {
  /** `imprecise`: a number beyond 2^53, which may differ from the one in the inventory. */
  readonly kind: 'missing' | 'not_text' | 'imprecise'
  readonly field: string
}

/** A syntax error of a template. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

/** Escaped braces, a reference, an unmatched brace, or literal text. */
const TOKEN = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g

/** One step of a path: a name after a dot (no dot before the first), an index of a list, or a name in quotes. */
const STEP = /(\.?)([^.[\]|{}]+)|\[(?:("[^"]+"|'[^']+')|(-?\d+))\]/y

/**
 * Compiles a template: literal text with `{field}`, `{nested.field}`, `{list[0]}`, `{list[-1]}`, `{labels["a.b"]}`,
 * `{field|default}` and `{@}` for a record that is a bare value. `{{` and `}}` stand for the braces themselves.
 * @throws TemplateError
 */
export function compileTemplate(text: string): Template {
  const parts: (string | Reference)[] = []
  for (const [token, inner] of text.matchAll(TOKEN)) {
    if (inner !== undefined) parts.push(compileReference(inner, text))
    else if (token === '{' || token === '}') throw unpaired(token, text)
    else addLiteral(parts, token.replace('{{', '{').replace('}}', '}'))
  }
  return parts
}

function addLiteral(parts: (string | Reference)[], text: string): void {
  const last = parts.at(-1)
  if (typeof last === 'string') parts[parts.length - 1] = last + text
  else parts.push(text)
}

function unpaired(brace: '{' | '}', text: string): TemplateError {
  const other = brace === '{' ? '}' : '{'
  return new TemplateError(
    `"${brace}" without "${other}" in "${text}"; write "${brace}${brace}" for a literal brace`,
  )
}

function compileReference(inner: string, text: string): Reference {
  const trimmed = inner.trim()
  const { path, end } = readPath(trimmed)
  const shown = trimmed.slice(0, end).trim()
  const rest = trimmed.slice(end)
  if (path !== undefined && (rest === '' || rest.startsWith('|')))
    return { path, shown, fallback: rest === '' ? undefined : rest.slice(1).trim() }
  throw new TemplateError(
    `"{${inner}}" in "${text}" is not a field; write {field}, {nested.field}, {list[0]}, {labels["a.b"]} or {field|default}`,
  )
}

/**
 * Compiles the path to a field, as it is written between the braces of a template.
 * @throws TemplateError
 */
export function compilePath(text: string): Path {
  const trimmed = text.trim()
  const { path, end } = readPath(trimmed)
  if (path !== undefined && end === trimmed.length) return path
  throw new TemplateError(`"${text}" is not a field; write field, nested.field, list[0] or labels["a.b"]`)
}

/** A template as it can be written. */
export function shownTemplate(template: Template): string {
  const parts = template.map((part) => {
    if (typeof part === 'string') return part.replace(/[{}]/g, '$&$&')
    return part.fallback === undefined ? `{${part.shown}}` : `{${part.shown}|${part.fallback}}`
  })
  return parts.join('')
}

/** A path as it can be written. */
export function shownPath(path: Path): string {
  const steps = path.map((step) =>
    typeof step === 'string' && /^[\w-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`,
  )
  return steps.join('').replace(/^\./, '')
}

/** Reads the path at the beginning of a text; undefined when there is none. */
function readPath(text: string): { readonly path: Path | undefined; readonly end: number } {
  if (/^@\s*(?:\||$)/.test(text)) return { path: [], end: 1 }
  const path: (string | number)[] = []
  let end = 0
  for (;;) {
    STEP.lastIndex = end
    const [step, dot, name, quoted, place] = STEP.exec(text) ?? []
    if (step === undefined || (path.length > 0 && dot === '')) break
    path.push(name?.trim() ?? quoted?.slice(1, -1) ?? Number(place))
    end += step.length
  }
  return { path: path.length === 0 ? undefined : path, end }
}

/** A template for exactly this text, including braces. */
export function literalTemplate(text: string): Template {
  return text === '' ? [] : [text]
}

/**
 * Renders a template for a record. A field that is absent, null or `""` takes the reference's default.
 * @returns the text, or the reason why there is none
 */
export function render(template: Template, record: Json): string | RenderFault {
  let text = ''
  for (const part of template) {
    if (typeof part === 'string') {
      text += part
      continue
    }
    const value = valueAt(record, part.path)
    const rendered = value === undefined ? absentText(record, part) : labelText(value)
    if (rendered === undefined)
      return { kind: typeof value === 'number' ? 'imprecise' : 'not_text', field: part.shown }
    if (rendered === '' && part.fallback === undefined) return { kind: 'missing', field: part.shown }
    text += rendered === '' ? part.fallback : rendered
  }
  return text
}

/** The text of an absent field; undefined when the field is not absent but wrong. */
function absentText(record: Json, { path }: Reference): '' | undefined {
  return isBlocked(record, path) ? undefined : ''
}

/** The value at a path in a record; undefined when there is none. */
export function valueAt(record: Json, path: Path): Json | undefined {
  let value: Json | undefined = record
  for (const step of path) {
    value = typeof step === 'number' ? itemAt(value, step) : fieldOf(value, step)
    if (value === undefined) return undefined
  }
  return value
}

/** The depth to which paths are listed. */
const MAX_DEPTH = 4

/** The paths to the values in a record; of a list, that to itself and those to its first item. */
export function pathsIn(record: Json): Path[] {
  const pathsBelow = (value: Json, path: Path): Path[] => {
    const inner = Array.isArray(value)
      ? value.slice(0, 1).entries()
      : isObject(value)
        ? Object.entries(value)
        : []
    const below = path.length < MAX_DEPTH ? [...inner] : []
    const own = path.length === 0 || (isObject(value) && below.length > 0) ? [] : [path]
    return [...own, ...below.flatMap(([step, item]) => pathsBelow(item, [...path, step]))]
  }
  return pathsBelow(record, [])
}

/** Whether a path goes through a value without fields, such as a text in place of an object. */
export function isBlocked(record: Json, path: Path): boolean {
  return path.some((step, index) => {
    const value = index === 0 ? undefined : valueAt(record, path.slice(0, index))
    if (value === undefined || value === null) return false
    return typeof step === 'number' ? !Array.isArray(value) : !isObject(value)
  })
}

function itemAt(value: Json | undefined, place: number): Json | undefined {
  return Array.isArray(value) ? value.at(place) : undefined
}

/** The references of a template without a default. */
export function neededIn(template: Template): Reference[] {
  return template.filter((part): part is Reference => typeof part !== 'string' && part.fallback === undefined)
}

/**
 * Splits a template at the last colon of its literal text, so that host and port can be rendered separately, because an IPv6
 * address has colons too.
 * @returns port undefined when no port follows the colon, as in `https://{host}`
 */
export function splitAtPort(template: Template): { host: Template; port: Template | undefined } {
  for (let index = template.length - 1; index >= 0; index--) {
    const part = template[index] as string | Reference
    const colon = typeof part === 'string' ? part.lastIndexOf(':') : -1
    if (typeof part !== 'string' || colon === -1) continue
    const before = [...template.slice(0, index), part.slice(0, colon)]
    const after = [part.slice(colon + 1), ...template.slice(index + 1)].filter((piece) => piece !== '')
    const isPort =
      after.length > 0 && after.every((piece) => typeof piece !== 'string' || /^\d+$/.test(piece))
    return {
      host: isPort ? before.filter((piece) => piece !== '') : template,
      port: isPort ? after : undefined,
    }
  }
  return { host: template, port: undefined }
}
