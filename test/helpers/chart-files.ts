import { readdirSync, readFileSync } from 'node:fs'
import { isMap, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { CONFIGURATION_SCHEMA } from './configuration-page.ts'

/** The Helm chart. */
export const CHART = 'charts/rollcall'

/** What a generated part of the README begins with; the rest of the page is written by hand. */
const TABLE_MARK = '<!-- From here on written by npm run docs. -->\n'

/** Longer defaults are not shown in the table. */
const MAX_DEFAULT_LENGTH = 60

interface Schema {
  description?: string
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  definitions?: Record<string, Schema>
  [key: string]: unknown
}

/**
 * The files of the chart that are made from others, with what must be in them: a chart can only read files of its
 * own. Rules, thresholds, inhibitions and dashboards are copies of the shipped ones, the schema of the values holds that of the
 * configuration file, and schema and README tell what values.yaml says of each value.
 */
export function chartFiles(): ReadonlyMap<string, string> {
  const values = readValues()
  const page = `${CHART}/README.md`
  const [written] = readFileSync(page, 'utf8').split(TABLE_MARK)
  return new Map([
    [`${CHART}/values.schema.json`, `${JSON.stringify(schemaWith(values), undefined, 2)}\n`],
    [page, `${written}${TABLE_MARK}\n${table(values)}`],
    ...copies('rules', /\.yml$/),
    ...['thresholds.yml', 'alertmanager.yml'].map((name): [string, string] => [
      `${CHART}/files/${name}`,
      readFileSync(`prometheus/${name}`, 'utf8'),
    ]),
    ...copies('dashboards', /\.json$/),
  ])
}

/** The files that are copies, and may be there no longer. */
export function copiedFiles(): string[] {
  return ['rules', 'dashboards'].flatMap((folder) =>
    readdirSync(`${CHART}/files/${folder}`).map((name) => `${CHART}/files/${folder}/${name}`),
  )
}

function copies(folder: string, pattern: RegExp): [string, string][] {
  return readdirSync(`prometheus/${folder}`)
    .filter((name) => pattern.test(name))
    .map((name) => [`${CHART}/files/${folder}/${name}`, readFileSync(`prometheus/${folder}/${name}`, 'utf8')])
}

/** One value of the chart. */
export interface Value {
  /** With dots between the keys. */
  readonly path: string
  readonly default: unknown
  readonly description: string
  /** Whether values below it have rows of their own. */
  readonly isSection: boolean
}

/** Every value of values.yaml, in its order. */
export function readValues(): Value[] {
  const document = parseDocument(readFileSync(`${CHART}/values.yaml`, 'utf8'))
  return valuesOf(document.contents as YAMLMap, readSchema(), '')
}

function valuesOf(map: YAMLMap, schema: Schema, prefix: string): Value[] {
  const items = map.items as Pair<Node & { value: string }, Node>[]
  return items.flatMap(({ key, value }, index) => {
    const path = `${prefix}${key.value}`
    const inner = below(schema, key.value)
    const isSection = inner?.properties !== undefined && isMap(value) && value.items.length > 0
    // What follows a value that is left out belongs to it, says the parser.
    const before = index === 0 ? map.commentBefore : items[index - 1]?.value?.comment
    const one = {
      path,
      default: (value as YAMLMap | null)?.toJSON() ?? null,
      description: describe(key.commentBefore ?? before),
      isSection,
    }
    return isSection ? [one, ...valuesOf(value, inner as Schema, `${path}.`)] : [one]
  })
}

function below(schema: Schema, key: string): Schema | undefined {
  const inner = schema.properties?.[key] ?? othersOf(schema)
  // Names of one's own, each with the same keys, are a section too.
  return inner !== undefined && othersOf(inner)?.properties !== undefined
    ? { properties: {}, additionalProperties: othersOf(inner) as Schema }
    : inner
}

function othersOf({ additionalProperties: others }: Schema): Schema | undefined {
  return typeof others === 'object' ? others : undefined
}

/** The last paragraph of a comment; what is above it belongs to what came before. */
function describe(comment: string | null | undefined): string {
  const [last = ''] = (comment ?? '').split(/\n\s*\n|^ ?-{3,}.*$/m).slice(-1)
  return last.trim().replace(/\s*\n\s*/g, ' ')
}

function readSchema(): Schema {
  return JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8'))
}

function schemaWith(values: readonly Value[]): Schema {
  const schema = readSchema()
  for (const { path, description } of values) {
    const node = path.split('.').reduce((one: Schema | undefined, key) => one && below(one, key), schema)
    if (node !== undefined && description !== '') node.description = description
  }
  return { ...schema, definitions: { ...schema.definitions, configuration: configuration() } }
}

/** The schema of the configuration file, without what Go's expressions do not know. */
function configuration(): Schema {
  const text = readFileSync(CONFIGURATION_SCHEMA, 'utf8').replaceAll('"^(?=.)', '"^')
  const { $schema, ...schema } = JSON.parse(text)
  return schema
}

function table(values: readonly Value[]): string {
  const rows = values
    .filter(({ isSection, description }) => !isSection || description !== '')
    .map(
      ({ path, default: value, description, isSection }) =>
        `| \`${path}\` | ${isSection ? '' : shown(value)} | ${description.replaceAll('|', '\\|')} |`,
    )
  return `| value | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n`
}

function shown(value: unknown): string {
  if (value === null || value === '') return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > MAX_DEFAULT_LENGTH ? '[values.yaml](values.yaml)' : `\`${text}\``
}
