import { MASK, withoutCutEnd } from '../base/secret.ts'
import type { Labels } from './labels.ts'
import { maskText } from './mask-text.ts'
import { CUT, itemsOf, MAX_DEPTH } from './nested.ts'
import { fieldOf, isObject, type Json } from './record.ts'
import { isSecretName } from './secret-names.ts'

/** The longest text that is shown. */
const MAX_TEXT = 2_000

/**
 * Shorter secrets are masked only where they are found first: as parts of other texts they would match
 * everywhere.
 */
const MIN_LENGTH = 4

/** A record with more or longer secrets is masked whole: searching for all of them takes too long. */
const MAX_SECRETS = 1_000
const MAX_SECRETS_LENGTH = 16_384

/** Hides the secrets of one record wherever they occur. */
export interface Masker {
  /** A text without the secrets; a text that was cut loses even the beginning of a secret at its end. */
  text(text: string): string
  /** A value with secrets masked and long texts cut. */
  value(value: Json): Json
  /** Labels with secrets masked. */
  labels(labels: Labels): Record<string, string>
  /** The value of one label with secrets masked. */
  label(name: string, value: string): string
}

/**
 * Finds the secrets of a record by the names of its fields and labels and by their form. A value that is
 * masked once is masked everywhere; case is ignored.
 */
export function createMasker(record: Json, labels: readonly Labels[] = []): Masker {
  const secrets = new Set<string>()
  const add = (secret: string) => {
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
      if (form.length >= MIN_LENGTH) secrets.add(form.toLowerCase())
    }
  }
  collect(record, false, add)
  for (const [name, value] of labels.flat()) collect(value, isSecretName(name), add)
  // The longest first: otherwise a secret that starts with another one would be masked only in part.
  const known = [...secrets].sort((a, b) => b.length - a.length)
  const pattern = patternOf(known)

  function text(original: string): string {
    const byForm = maskText(original, () => {})
    if (pattern === undefined) return byForm
    // Masked parts stay masked, even if "secret" itself is a secret.
    const masked = byForm.split(MASK).map((part) => part.replace(pattern, MASK))
    return withoutCutSecrets(masked.join(MASK), known)
  }
  const label = (name: string, value: string) => (isSecretName(name) ? MASK : text(value))
  return {
    text,
    value: (value) => maskValue(value, text),
    labels: (pairs) => Object.fromEntries(pairs.map(([name, value]) => [name, label(name, value)])),
    label,
  }
}

/** Walks through a value; everything below the name of a secret is a secret. */
function collect(value: Json, isSecret: boolean, add: (secret: string) => void, depth = 0): void {
  if (typeof value === 'string' || typeof value === 'number') {
    if (isSecret) add(String(value))
    else maskText(String(value), add)
  } else if (depth < MAX_DEPTH) {
    for (const [item, key] of itemsOf(value)) {
      const isField = key !== undefined && isSecretField(value, key)
      collect(item, isSecret || isField, add, depth + 1)
    }
  }
}

/** Whether a field holds a secret: by its own name, or as the value in `{"name": "password", "value": "…"}`. */
export function isSecretField(parent: Json, key: string, isSecret = isSecretName): boolean {
  if (isSecret(key)) return true
  if (key !== 'value' && key !== 'Value') return false
  const names = ['name', 'key', 'Name', 'Key'].map((field) => fieldOf(parent, field))
  return names.some((name) => typeof name === 'string' && isSecret(name))
}

function patternOf(secrets: readonly string[]): RegExp | undefined {
  if (secrets.length === 0) return undefined
  const length = secrets.reduce((sum, secret) => sum + secret.length, 0)
  if (secrets.length > MAX_SECRETS || length > MAX_SECRETS_LENGTH) return /.+/gs
  const literals = secrets.map((secret) => secret.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  return new RegExp(literals.join('|'), 'gi')
}

/** Messages cut long values, possibly in the middle of a secret. */
function withoutCutSecrets(text: string, secrets: readonly string[]): string {
  if (!text.includes(CUT)) return text
  const parts = text.split(CUT)
  const last = parts.pop()
  const safe = (part: string) => secrets.reduce((left, one) => withoutCutEnd(left, one, MIN_LENGTH), part)
  return [...parts.map(safe), last].join(CUT)
}

function maskValue(value: Json, text: (text: string) => string): Json {
  if (typeof value === 'string') return cut(text(value))
  if (typeof value === 'number') return text(String(value)) === String(value) ? value : MASK
  if (Array.isArray(value)) return value.map((item) => maskValue(item, text))
  if (!isObject(value)) return value
  const fields = Object.entries(value).map(([key, item]) => [
    text(key),
    isHidden(value, key, item) ? MASK : maskValue(item, text),
  ])
  return Object.fromEntries(fields)
}

/**
 * An empty, missing or boolean value of a secret field is shown: that a password is set or not is no secret.
 */
function isHidden(parent: Json, key: string, value: Json): boolean {
  return value !== null && typeof value !== 'boolean' && value !== '' && isSecretField(parent, key)
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT).toWellFormed()}${CUT}`
}
