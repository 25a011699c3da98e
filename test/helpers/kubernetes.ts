import { readFileSync } from 'node:fs'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { Manifest } from './helm.ts'

/** The oldest version of Kubernetes that the chart supports, and the newest that is known. */
export const KUBERNETES_VERSIONS = ['1.30', '1.36'] as const

/** Says what is wrong with a manifest, as a cluster would that validates strictly. */
export type Validator = (manifest: Manifest) => string[]

/** The schemas that scripts/kubernetes-schemas.mjs wrote. */
interface Schemas {
  readonly kinds: Record<string, object>
  readonly definitions: Record<string, object>
}

/** Validates against the schemas of a version of Kubernetes, and of the resources of Prometheus and Gateway API. */
export function createValidator(version: (typeof KUBERNETES_VERSIONS)[number]): Validator {
  const compilers = [`kubernetes-${version}`, 'resources'].map(compiler)
  return (manifest) => {
    const kind = `${manifest.apiVersion} ${manifest.kind}`
    const validate = compilers.map((compile) => compile(kind)).find((one) => one !== undefined)
    if (validate === undefined) return [`${kind}: there is no such kind`]
    return validate(manifest) ? [] : (validate.errors ?? []).map((error) => describe(kind, error))
  }
}

function compiler(name: string): (kind: string) => ValidateFunction | undefined {
  const { kinds, definitions }: Schemas = JSON.parse(readFileSync(`test/chart/schemas/${name}.json`, 'utf8'))
  // Expressions of Go, which know no Unicode flag.
  const ajv = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false, addUsedSchema: false })
  ajv.addSchema({ $id: name, definitions })
  const compiled = new Map<string, ValidateFunction>()
  return (kind) => {
    const schema = kinds[kind]
    if (schema === undefined) return undefined
    const known = compiled.get(kind) ?? ajv.compile(within(schema, name))
    compiled.set(kind, known)
    return known
  }
}

function within(schema: object, name: string): object {
  return '$ref' in schema ? { $ref: `${name}${schema.$ref}` } : schema
}

function describe(kind: string, { instancePath, message, params }: ErrorObject): string {
  return `${kind}${instancePath} ${message} ${JSON.stringify(params)}`
}
