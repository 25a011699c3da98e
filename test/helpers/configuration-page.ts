import type { TSchema } from 'typebox'

/** The reference of the configuration file; what stands between the markers is made from the schemas. */
export const CONFIGURATION_PAGE = 'docs/configuration.md'

/** The JSON Schema of the configuration file, for editors. */
export const CONFIGURATION_SCHEMA = 'docs/rollcall.schema.json'

/** What the server checks a configuration file with, so that it need not load what schemas are made with. */
export const VALIDATION_SCHEMA = 'src/config/file-schema.json'

/** The reference of the web configuration file, and what it is checked with. */
export const WEB_PAGE = 'docs/web-configuration.md'
export const WEB_VALIDATION_SCHEMA = 'src/config/web-schema.json'

const BEGIN = '<!-- From here on written by npm run docs. -->\n'

/** A node of a JSON Schema, as far as the reference tells it. */
interface Node {
  readonly type?: string
  /** Name of the section, or of the type, in angle brackets as in the documentation of Prometheus. */
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

/** The page with its generated part made anew; the part before it is written by people. */
export function configurationPage(schema: TSchema, page: string): string {
  const at = page.indexOf(BEGIN)
  if (at === -1) throw new Error('the page has lost its marker')
  return page.slice(0, at) + BEGIN + sections(schema as Node)
}

/** The schema as an editor takes it: without the words that only our own messages use. */
export function configurationSchema(schema: TSchema, kinds: readonly string[]): string {
  const plain = JSON.parse(JSON.stringify(schema), (key, value) => {
    if (key === 'expects' || key === 'secret') return typeof value === 'object' ? value : undefined
    return value
  })
  plain.properties.sources.items.oneOf = kinds.map((kind) => ({ required: [kind] }))
  const head = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration file of Rollcall',
  }
  return `${JSON.stringify({ ...head, ...plain }, null, 2)}\n`
}

/** The schema with all that checking a file takes, and nothing of what only readers need. */
export function validationSchema(schema: TSchema): string {
  const needed = JSON.stringify(schema, (key, value) => {
    return ['description', 'default', 'title'].includes(key) && typeof value !== 'object' ? undefined : value
  })
  return `${JSON.stringify(JSON.parse(needed), null, 1)}\n`
}

/** One section for each set of keys, in the order in which they are met. */
function sections(root: Node): string {
  const queue: Node[] = [{ title: 'configuration_file', ...root }]
  const done = new Set<string>()
  let text = ''
  for (const node of queue) {
    const name = String(node.title)
    if (done.has(name)) continue
    done.add(name)
    const keys = Object.entries(node.properties ?? {})
    text += `\n## \`<${name}>\`\n\n${sentence(node)}\`\`\`yaml\n`
    text += keys.map(([key, child]) => entry(key, child, node.required?.includes(key) === true)).join('\n')
    text += '```\n'
    for (const [key, child] of keys) queue.push(...objectsIn(child, key))
  }
  return text
}

function sentence({ description }: Node): string {
  return description === undefined ? '' : `${description}\n\n`
}

function entry(key: string, node: Node, required: boolean): string {
  const comment = wrap(node.description ?? '', 96)
    .map((line) => `# ${line}\n`)
    .join('')
  const fallback = node.default === undefined ? '' : ` | default = ${shown(node.default)}`
  const value = placeholder(node, key)
  const inline = value.startsWith('\n') ? value : ` ${value}`
  // A list that must be there has at least one entry.
  if (required && inline.startsWith('\n'))
    return `${comment}${key}:${inline.replace('[ ', '').replace(' ]', '')}\n`
  if (required || inline.startsWith('\n')) return `${comment}${key}:${inline}\n`
  return `${comment}[ ${key}:${inline}${fallback} ]\n`
}

function shown(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
}

/** What stands behind the colon. */
function placeholder(node: Node, key: string): string {
  if (node.title !== undefined && node.properties === undefined && node.patternProperties === undefined)
    return `<${node.title}>`
  if (node.type === 'array' && isAnything(node.items)) return '<list>'
  if (node.type === 'array') return `\n  [ - ${placeholder(node.items ?? {}, singular(key))} ... ]`
  const [values] = Object.values(node.patternProperties ?? {})
  if (isAnything(values)) return '<mapping>'
  if (values !== undefined)
    return `\n  [ <${node.title ?? 'string'}>: ${placeholder(values, singular(key))} ... ]`
  if (node.anyOf !== undefined) return anyOf(node.anyOf, key)
  if (node.const !== undefined) return String(node.const)
  if (node.properties !== undefined) return `<${node.title ?? key}>`
  return `<${node.title ?? TYPES[String(node.type)] ?? node.type}>`
}

/** Whether a schema is there but says nothing. */
function isAnything(node: Node | undefined): boolean {
  return node !== undefined && Object.keys(node).length === 0
}

const TYPES: Readonly<Record<string, string>> = { integer: 'int', number: 'float' }

function anyOf(branches: readonly Node[], key: string): string {
  const values = branches
    .filter(({ type }) => type !== 'null')
    .map((branch) => placeholder(branch, key).trim())
  return [...new Set(values)].join(' | ')
}

function objectsIn(node: Node, key: string): Node[] {
  if (node.properties !== undefined) return [{ ...node, title: node.title ?? key }]
  const inner = [node.items, ...(node.anyOf ?? []), ...Object.values(node.patternProperties ?? {})]
  return inner.flatMap((child) => (child === undefined ? [] : objectsIn(child, singular(key))))
}

function singular(key: string): string {
  return key.replace(/s$/, '')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
