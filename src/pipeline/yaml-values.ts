import type { Node, ParsedNode, Scalar, YAMLMap } from 'yaml'
import { MASK } from '../base/secret.ts'
import { isObject, type Json } from '../model/record.ts'

/**
 * The largest number of values that all aliases of a document together expand to; the size of the text bounds
 * the others.
 */
const MAX_ALIASED = 3_000_000

/** Makes the error for a fault at an offset of the text. */
type Fail = (offset: number, message: string) => Error

/** The value of an anchor, and the number of values in it. */
interface Anchored {
  readonly value: Json
  readonly size: number
}

/**
 * Creates the reader of one parsed document. Aliases share the value of their anchor, so they cost nothing
 * here, but later steps visit the value for each alias: hence the limit on the values that they expand to.
 * @param yaml the parser, which is loaded only where it is needed
 */
export function createYamlReader(yaml: typeof import('yaml'), fail: Fail): (node: Node | null) => Json {
  const anchors = new Map<string, Anchored>()
  let values = 0
  let aliased = 0

  function read(node: Node | null): Json {
    if (node === null) return null
    if (yaml.isAlias(node)) return follow(node.source, node)
    const before = values
    values++
    const value = readValue(node as ParsedNode)
    const { anchor } = node as ParsedNode
    if (anchor !== undefined) anchors.set(anchor, { value, size: values - before })
    return value
  }

  function follow(name: string, node: Node): Json {
    const anchored = anchors.get(name)
    if (anchored === undefined)
      throw fail(startOf(node), `the alias *${name} has no anchor &${name} before it`)
    values += anchored.size
    aliased += anchored.size
    // Otherwise a document of a few hundred bytes could block the search for too long.
    if (aliased > MAX_ALIASED) throw fail(startOf(node), 'its aliases expand to too many values')
    return anchored.value
  }

  function readValue(node: ParsedNode): Json {
    // Only Ansible can decrypt it, and it must not be shown.
    if (node.tag?.startsWith('!vault') === true) return MASK
    if (yaml.isScalar(node)) return scalarValue(node)
    if (yaml.isMap(node)) return readMap(node)
    return (node as { items: Node[] }).items.map(read)
  }

  function readMap(map: YAMLMap): Json {
    const entries = new Map<string, Json>()
    const merged: { readonly [key: string]: Json }[] = []
    for (const { key, value } of map.items as { key: Node; value: Node | null }[]) {
      if (isMergeKey(key)) merged.push(...readMerged(key, value))
      else {
        const text = keyText(key)
        if (entries.has(text)) throw fail(startOf(key), `the key ${JSON.stringify(text)} is a duplicate`)
        entries.set(text, read(value))
      }
    }
    for (const [key, value] of merged.flatMap((one) => Object.entries(one))) {
      if (!entries.has(key)) entries.set(key, value)
    }
    return Object.fromEntries(entries)
  }

  function isMergeKey(key: Node): boolean {
    return yaml.isScalar(key) && key.value === '<<' && key.type === 'PLAIN'
  }

  /** The values of a merge key: one mapping or a list of mappings, of which the first has precedence. */
  function readMerged(key: Node, value: Node | null): { readonly [key: string]: Json }[] {
    const merged = [read(value)].flat()
    if (merged.every((one) => isObject(one))) return merged
    throw fail(startOf(key), 'only mappings can be merged (<<)')
  }

  function keyText(key: Node): string {
    if (yaml.isScalar(key) && typeof key.value !== 'string') return key.source as string
    const value = read(key)
    if (typeof value === 'object') throw fail(startOf(key), 'a key must be a text')
    return String(value)
  }

  return read
}

function scalarValue({ value, source }: Scalar): Json {
  if (typeof value === 'number' && !isAsWritten(value, source as string)) return source as string
  return value as Json
}

function isAsWritten(value: number, source: string): boolean {
  return String(value) === source && (!Number.isInteger(value) || Number.isSafeInteger(value))
}

function startOf(node: Node): number {
  return (node as ParsedNode).range[0]
}
