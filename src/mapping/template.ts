import { labelText } from '../model/labels.ts'
import { fieldOf, type Json } from '../model/record.ts'

/** A reference to a field of the record: `{store.id}`, `{ips[0]|127.0.0.1}`, `{@}` (the record itself). */
interface Reference {
  readonly path: readonly (string | number)[]
  readonly shown: string
  readonly fallback: string | undefined
}

/** Text with references, compiled once and rendered for every record. */
export type Template = readonly (string | Reference)[]

/** Why a template gave no text for a record. */
export interface RenderFault {
  /** `imprecise`: a number beyond 2^53, which is not what the inventory sent any more. */
  readonly kind: 'missing' | 'not_text' | 'imprecise'
  readonly field: string
}

/** A template that is not one; the message says what is wrong with it. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

/** Escaped braces, a reference, a brace that has no partner, or literal text. */
const TOKEN = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g

/** One step of a reference's path. */
const STEP = /([^.[\]]+)|\[(\d+)\]/y

/**
 * Compiles a template: literal text with `{field}`, `{nested.field}`, `{list[0]}`, `{field|default}` and
 * `{@}` for a record that is a bare value. `{{` and `}}` stand for the braces themselves.
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
  const bar = inner.indexOf('|')
  const shown = (bar === -1 ? inner : inner.slice(0, bar)).trim()
  const fallback = bar === -1 ? undefined : inner.slice(bar + 1).trim()
  if (shown === '@') return { path: [], shown, fallback }
  const path: (string | number)[] = []
  STEP.lastIndex = 0
  while (STEP.lastIndex < shown.length) {
    if (path.length > 0 && shown[STEP.lastIndex] === '.') STEP.lastIndex++
    const step = STEP.exec(shown)
    if (step === null) break
    path.push(step[1] ?? Number(step[2]))
    if (STEP.lastIndex === shown.length) return { path, shown, fallback }
  }
  throw new TemplateError(
    `"{${inner}}" in "${text}" is not a field; write {field}, {nested.field}, {list[0]} or {field|default}`,
  )
}

/** A template that is this very text, braces and all. */
export function literalTemplate(text: string): Template {
  return text === '' ? [] : [text]
}

/**
 * Renders a template for a record. A field that is absent, null or `""` takes the reference's default.
 * @returns the text, or why there is none
 */
export function render(template: Template, record: Json): string | RenderFault {
  let text = ''
  for (const part of template) {
    if (typeof part === 'string') {
      text += part
      continue
    }
    const value = valueAt(record, part.path)
    const rendered = value === undefined ? '' : labelText(value)
    if (rendered === undefined)
      return { kind: typeof value === 'number' ? 'imprecise' : 'not_text', field: part.shown }
    if (rendered === '' && part.fallback === undefined) return { kind: 'missing', field: part.shown }
    text += rendered === '' ? part.fallback : rendered
  }
  return text
}

function valueAt(record: Json, path: readonly (string | number)[]): Json | undefined {
  let value: Json | undefined = record
  for (const step of path) {
    value = typeof step === 'number' ? (Array.isArray(value) ? value[step] : undefined) : fieldOf(value, step)
    if (value === undefined) return undefined
  }
  return value
}

/**
 * Splits a template at the last colon of its literal text, so that host and port can be rendered apart
 * (an IPv6 address has colons of its own).
 * @returns port undefined when nothing like a port follows such a colon, as in `https://{host}`
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
