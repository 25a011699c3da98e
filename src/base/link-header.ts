import { RefreshError } from './errors.ts'

const TARGET = /[\s,]*<([^>]*)>/y
// A parameter without a name (";;", or ";" at the end) is tolerated, as everywhere in HTTP.
const PARAMETER = /\s*;\s*(?:([^\s=;,"<>]+)\s*)?(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"<>]*)))?/y
const END = /\s*(?:,|$)/y
const NOTHING = /^[\s,]*$/

/**
 * Finds the target of the first link whose relation is `next` in the values of the `Link` header (RFC 8288).
 * @param name of the page that has the header, for messages
 * @returns its URL reference as written, or undefined when there is no such link
 * @throws RefreshError `pagination` when a value is malformed: a link, and all further pages, may be lost
 * then
 */
export function findNextLink(
  header: string | readonly string[] | undefined,
  name: string,
): string | undefined {
  const links = [header ?? []].flat().flatMap((value) => parseLinks(value, name))
  return links.find(({ relations }) => relations.includes('next'))?.target
}

interface Link {
  readonly target: string
  readonly relations: readonly string[]
}

function parseLinks(value: string, name: string): Link[] {
  const links: Link[] = []
  let at = 0
  /** Matches a pattern at the current place, and moves past it. */
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(value)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  while (!NOTHING.test(value.slice(at))) {
    const target = take(TARGET)?.[1]
    const parameters = [...takeAll(() => take(PARAMETER))]
    if (target === undefined || take(END) === null) {
      throw new RefreshError('pagination', `${name}: its Link header is malformed; see RFC 8288`)
    }
    // A link with an anchor belongs to another resource (RFC 8288 section 3.2).
    const isOwn = parameters.every(([, name]) => name?.toLowerCase() !== 'anchor')
    if (isOwn) links.push({ target, relations: relationsIn(parameters) })
  }
  return links
}

function* takeAll(take: () => RegExpExecArray | null): Iterable<RegExpExecArray> {
  for (let match = take(); match !== null; match = take()) yield match
}

/** Of several rel parameters only the first counts (RFC 8288 section 3.3); it may hold several relations. */
function relationsIn(parameters: readonly RegExpExecArray[]): string[] {
  const rel = parameters.find(([, name]) => name?.toLowerCase() === 'rel')
  const text = rel?.[2]?.replace(/\\(.)/g, '$1') ?? rel?.[3] ?? ''
  return text.toLowerCase().split(/\s+/)
}
