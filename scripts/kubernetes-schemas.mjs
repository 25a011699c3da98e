// Writes test/chart/schemas: the OpenAPI schemas of what the Helm chart renders, from the Go modules of their
// projects (all of them Apache-2.0), made small: only the kinds below, without descriptions. As with
// `kubectl apply --validate=strict`, a field that a schema does not know is an error.
// Needs Go and its module proxy: node scripts/kubernetes-schemas.mjs
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'

const FOLDER = 'test/chart/schemas'

/** The oldest Kubernetes that the chart supports, and the newest that it was tried with. */
const KUBERNETES = ['v1.30.14', 'v1.36.3']

const KINDS = {
  api__v1: ['ConfigMap', 'PersistentVolumeClaim', 'Pod', 'Secret', 'Service', 'ServiceAccount'],
  apis__apps__v1: ['Deployment', 'StatefulSet'],
  apis__autoscaling__v2: ['HorizontalPodAutoscaler'],
  apis__batch__v1: ['CronJob'],
  apis__networking_k8s_io__v1: ['Ingress', 'NetworkPolicy'],
  apis__policy__v1: ['PodDisruptionBudget'],
}

const OPERATOR = ['github.com/prometheus-operator/prometheus-operator', 'v0.85.0']
const GATEWAY = ['sigs.k8s.io/gateway-api', 'v1.4.0']

const RESOURCES = [
  [OPERATOR, 'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml'],
  [OPERATOR, 'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml'],
  [OPERATOR, 'example/prometheus-operator-crd/monitoring.coreos.com_scrapeconfigs.yaml'],
  [OPERATOR, 'example/prometheus-operator-crd/monitoring.coreos.com_alertmanagerconfigs.yaml'],
  [GATEWAY, 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
]

const work = mkdtempSync(join(tmpdir(), 'schemas-'))
mkdirSync(FOLDER, { recursive: true })
try {
  execFileSync('go', ['mod', 'init', 'schemas'], { cwd: work, stdio: 'ignore' })
  for (const version of KUBERNETES)
    write(`kubernetes-${version.split('.').slice(0, 2).join('.').slice(1)}.json`, kubernetes(version))
  write('resources.json', resources())
} finally {
  rmSync(work, { recursive: true, force: true })
}

function write(name, { from, kinds, definitions }) {
  const header = JSON.stringify({ from, license: 'Apache-2.0' }).slice(0, -1)
  const lines = (object) =>
    Object.entries(object)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
      .join(',\n')
  const path = join(FOLDER, name)
  writeFileSync(
    path,
    `${header},\n"kinds":{\n${lines(kinds)}\n},\n"definitions":{\n${lines(definitions)}\n}}\n`,
  )
  console.log(`${path}: ${Object.keys(kinds).length} kinds of ${from.join(', ')}`)
}

function kubernetes(version) {
  const folder = join(download('k8s.io/kubernetes', version), 'api/openapi-spec/v3')
  const kinds = {}
  const definitions = {}
  for (const [group, names] of Object.entries(KINDS)) {
    const file = `${group.replace('networking_k8s_io', 'networking.k8s.io')}_openapi.json`
    const { schemas } = JSON.parse(readFileSync(join(folder, file), 'utf8')).components
    for (const [name, schema] of Object.entries(schemas)) {
      const known = schema['x-kubernetes-group-version-kind']?.[0]
      if (known === undefined || !names.includes(known.kind)) continue
      const apiVersion = known.group === '' ? known.version : `${known.group}/${known.version}`
      if (!name.includes(`.${known.version}.`)) continue
      kinds[`${apiVersion} ${known.kind}`] = { $ref: `#/definitions/${name}` }
      collect(name, schemas, definitions)
    }
  }
  return { from: [`k8s.io/kubernetes ${version}`], kinds, definitions }
}

function collect(name, schemas, definitions) {
  if (name in definitions) return
  definitions[name] = compact(schemas[name])
  for (const [, next] of JSON.stringify(definitions[name]).matchAll(/#\/definitions\/([^"]+)/g)) {
    collect(next, schemas, definitions)
  }
}

function resources() {
  const kinds = {}
  for (const [module, file] of RESOURCES) {
    const { spec } = parse(readFileSync(join(download(...module), file), 'utf8'))
    for (const { name, schema } of spec.versions.filter(({ storage }) => storage)) {
      const compacted = compact(schema.openAPIV3Schema)
      compacted.properties.metadata = { type: 'object' }
      const { properties } = compacted.properties.spec
      // The other ways of discovery are half of it, and what is in receivers is not the chart's.
      for (const key of Object.keys(properties)) if (/(?<!http)SDConfigs$/.test(key)) delete properties[key]
      if (properties.receivers !== undefined)
        properties.receivers = { type: 'array', items: { type: 'object' } }
      kinds[`${spec.group}/${name} ${spec.names.kind}`] = compacted
    }
  }
  return { from: [OPERATOR, GATEWAY].map((module) => module.join(' ')), kinds, definitions: {} }
}

function download(module, version) {
  const text = execFileSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
    cwd: work,
    encoding: 'utf8',
  })
  return JSON.parse(text).Dir
}

/** What tells right from wrong in a schema, in the words of JSON schema. */
function compact(schema) {
  if ('$ref' in schema) return { $ref: schema.$ref.replace('components/schemas', 'definitions') }
  if (schema.allOf?.length === 1 && schema.properties === undefined) return compact(schema.allOf[0])
  if (schema['x-kubernetes-int-or-string'] || schema.format === 'int-or-string')
    return { type: ['integer', 'string'] }
  const kept = {}
  for (const key of [
    'type',
    'enum',
    'required',
    'pattern',
    'minimum',
    'maximum',
    'minLength',
    'maxLength',
    'minItems',
    'maxItems',
    'nullable',
  ]) {
    if (key in schema) kept[key] = schema[key]
  }
  // Flags of expressions are Go's own.
  if (/\(\?[a-z]+\)/.test(kept.pattern)) delete kept.pattern
  if (Array.isArray(schema.oneOf)) kept.oneOf = schema.oneOf.map(compact)
  if (schema.items !== undefined) kept.items = compact(schema.items)
  if (typeof schema.additionalProperties === 'object')
    kept.additionalProperties = compact(schema.additionalProperties)
  if (schema.properties === undefined) return kept
  // Nobody writes these by hand.
  const properties = Object.entries(schema.properties).filter(
    ([key]) => key !== 'managedFields' && key !== 'status',
  )
  kept.properties = Object.fromEntries(properties.map(([key, value]) => [key, compact(value)]))
  if (schema['x-kubernetes-preserve-unknown-fields'] !== true) kept.additionalProperties = false
  return kept
}
