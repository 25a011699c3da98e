import { stringify } from 'yaml'
import { MASK } from '../base/secret.ts'
import { isSecretName } from '../model/secret-names.ts'
import { shownText } from './settings-view.ts'
import type { Schema } from './validate.ts'

/** A configuration as YAML. A value is masked when its schema, its name or its form indicates a secret. */
export function viewYaml(value: unknown, schema: Schema): string {
  return stringify(masked(value, schema, false), { lineWidth: 0 })
}

/**
 * Masks a value. The path of a file is never a secret.
 * @param isSecret whether the value is inside a part that is secret as a whole
 */
function masked(value: unknown, schema: Schema, isSecret: boolean): unknown {
  const parts: readonly Schema[] = [schema, ...(schema.anyOf ?? [])]
  const isFile = parts.some(({ expects }) => expects === 'a path')
  const hides = !isFile && (isSecret || parts.some(({ secret }) => secret === true))
  if (Array.isArray(value)) {
    const items = parts.flatMap((part) => part.items ?? [])[0] ?? {}
    return value.map((item) => masked(item, items, hides))
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, inner]) => [key, maskedField(key, inner, parts, hides)])
    return Object.fromEntries(fields)
  }
  if (hides) return value === null ? null : MASK
  return typeof value === 'string' && !isFile ? shownText(value) : value
}

/** Masks a field. Where users choose the names, a name can indicate that its value is a secret. */
function maskedField(key: string, value: unknown, parts: readonly Schema[], isSecret: boolean): unknown {
  for (const { properties = {}, patternProperties = {} } of parts) {
    const own = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (own !== undefined) return masked(value, own, isSecret)
    const [chosen] = Object.values(patternProperties)
    if (chosen !== undefined) return masked(value, chosen, isSecret || isSecretName(key))
  }
  return masked(value, {}, isSecret || isSecretName(key))
}
