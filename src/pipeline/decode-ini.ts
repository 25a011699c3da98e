import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { isMessage, withoutComment } from './text-lines.ts'

/** INI: sections of keys and values; and Ansible inventories, whose syntax is similar. */
export const ini: FormatRules = {
  extensions: ['ini', 'cfg'],
  accept: 'text/plain, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 128 * 1024,
  decode: decodeIni,
}

/** A line without its comment, and its number, from 1. */
interface Line {
  readonly text: string
  readonly number: number
}

interface Section {
  readonly name: string
  readonly lines: readonly Line[]
}

type Variables = Readonly<Record<string, string>>

/** The group of hosts without a group; every host is also in `all`. */
const UNGROUPED = 'ungrouped'

/** The largest number of hosts in a document, after patterns are expanded. */
const MAX_HOSTS = 65_536

/**
 * Decodes INI. If every line is `key = value`, each section is a record: its keys, and its name as `name`. If
 * a line is a host, as in an Ansible inventory, each host is a record: its name as `name`, its groups as
 * `groups` (parent groups too), and its variables, including those of its groups; a host in two groups is one
 * record. All values are texts.
 * @throws RefreshError `parse` with the line
 */
function decodeIni(text: string, name: string): Json {
  const fail = (line: number, what: string) =>
    new RefreshError('parse', `${name} is not valid INI at line ${line}: ${what}`)
  const sections = sectionsOf(text, fail)
  if (sections.every(({ name: section, lines }) => section === '' && lines.length === 0))
    throw new RefreshError(
      'parse',
      `${name} has only blank lines and comments, which does not count as an empty list`,
    )
  const hasHosts = sections.some(({ lines }) => lines.some(({ text: line }) => isHost(line)))
  const isInventory = hasHosts || sections.some(({ name: section }) => KIND.test(section))
  assertOneKind(sections, isInventory, fail)
  return isInventory ? hostsOf(sections, fail) : sections.filter(({ name: one }) => one !== '').map(recordOf)
}

type Fail = (line: number, what: string) => RefreshError

/** The suffixes of sections that define variables or children of a group. */
const KIND = /:(vars|children)$/

/**
 * A key among hosts, or a host among keys, is a mistake: under either reading, the other lines would be
 * misread.
 */
function assertOneKind(sections: readonly Section[], isInventory: boolean, fail: Fail): void {
  for (const { name, lines } of sections) {
    const pair = lines.find(({ text }) => !isHost(text))
    if (pair === undefined || KIND.test(name)) continue
    if (isInventory)
      throw fail(pair.number, 'a key is among hosts; a file has sections of keys, or groups of hosts')
    if (name === '') throw fail(pair.number, 'a key is before the first section')
  }
  const [only, other] = sections.flatMap(({ lines }) => lines)
  if (isInventory && only !== undefined && other === undefined && isMessage(only.text))
    throw fail(only.number, 'a single word may be a message, so it is not accepted as the only host')
}

function sectionsOf(text: string, fail: Fail): Section[] {
  const sections: { name: string; lines: Line[] }[] = [{ name: '', lines: [] }]
  for (const [index, whole] of text.split(/\r\n|\n|\r/).entries()) {
    const line = withoutComment(whole, '#;')
    if (line === '') continue
    const header = /^\[([^\]]+)\]$/.exec(line)
    if (header !== null) sections.push({ name: (header[1] as string).trim(), lines: [] })
    else if (/^[<[{]/.test(line))
      throw fail(index + 1, 'it begins like HTML, JSON or a header without an end')
    else sections.at(-1)?.lines.push({ text: line, number: index + 1 })
  }
  return sections
}

/** The sign after a key: "=", or ":" and white space, or ":" at the end of the line. */
const SIGN = /=|:(?=\s|$)/

/** A host is followed by white space, by nothing, or by a port. */
function isHost(line: string): boolean {
  const at = line.search(SIGN)
  return at < 1 || /\s/.test(line.slice(0, at).trimEnd())
}

function recordOf({ name, lines }: Section): Json {
  return Object.fromEntries([['name', name], ...lines.map(({ text }) => pairOf(text))])
}

function pairOf(text: string): readonly [name: string, value: string] {
  const at = text.search(SIGN)
  return [text.slice(0, at).trimEnd(), unquoted(text.slice(at + 1).trimStart())]
}

function unquoted(text: string): string {
  return /^(["']).*\1$/.test(text) && text.length > 1 ? text.slice(1, -1) : text
}

function hostsOf(sections: readonly Section[], fail: Fail): Json {
  const parents = new Map<string, Set<string>>()
  const variables = new Map<string, Variables>()
  const hosts = new Map<string, { groups: Set<string>; variables: Variables }>()
  let count = 0

  function addHosts({ name, lines }: Section): void {
    for (const { text, number } of lines) {
      const [pattern, ...words] = wordsOf(text, number, fail)
      const own = Object.fromEntries(words.map((word) => variableOf(word, number, fail)))
      count += countOf(pattern, number, fail)
      if (count > MAX_HOSTS) throw fail(number, `there are more than ${MAX_HOSTS} hosts`)
      for (const host of expanded(pattern)) {
        const before = hosts.get(host) ?? { groups: new Set(), variables: {} }
        before.groups.add(name === '' ? UNGROUPED : name)
        hosts.set(host, { ...before, variables: { ...before.variables, ...own } })
      }
    }
  }

  for (const section of sections) {
    const kind = KIND.exec(section.name)?.[1]
    const group = section.name.replace(KIND, '')
    if (kind === 'vars') {
      const given = section.lines.map(({ text, number }) => variableOf(text, number, fail))
      variables.set(group, { ...variables.get(group), ...Object.fromEntries(given) })
    } else if (kind === 'children') {
      for (const { text } of section.lines) parents.set(text, (parents.get(text) ?? new Set()).add(group))
    } else addHosts(section)
  }

  /** A group after its parents, each once: the nearer group overrides. */
  function around(group: string, seen: Set<string>): string[] {
    if (seen.has(group)) return []
    seen.add(group)
    return [...[...(parents.get(group) ?? [])].flatMap((parent) => around(parent, seen)), group]
  }

  // Cached, since most hosts share their groups with others.
  const known = new Map<string, { all: string[]; inherited: Variables }>()

  function groupsOf(groups: ReadonlySet<string>) {
    const key = JSON.stringify([...groups])
    const before = known.get(key)
    if (before !== undefined) return before
    const seen = new Set<string>()
    const all = [...groups].flatMap((group) => around(group, seen))
    const inherited = Object.assign({}, ...['all', ...all].map((group) => variables.get(group) ?? {}))
    const found = { all, inherited }
    known.set(key, found)
    return found
  }

  return [...hosts].map(([name, { groups, variables: own }]) => {
    const { all, inherited } = groupsOf(groups)
    return { ...inherited, ...own, name, groups: all }
  })
}

/** Splits at white space, except inside of quotes. */
function wordsOf(text: string, line: number, fail: Fail): [first: string, ...others: string[]] {
  if (!/^(?:[^"']|"[^"]*"|'[^']*')+$/.test(text)) throw fail(line, 'a quote has no end')
  return text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) as [string]
}

function variableOf(word: string, line: number, fail: Fail): readonly [name: string, value: string] {
  if (!/^[^=]+=/.test(word)) throw fail(line, 'a variable is written name=value')
  return pairOf(word)
}

const RANGE = /\[(\w+):(\w+)(?::(\d+))?\]/g

/** The number of hosts that a pattern such as `web[01:10].example.com` or `db[a:f]` expands to. */
function countOf(pattern: string, line: number, fail: Fail): number {
  const sizes = [...pattern.matchAll(RANGE)].map(([, ...range]) => sizeOf(range as string[]))
  if (sizes.includes(0)) throw fail(line, 'a range has no items; write [1:20], [01:20] or [a:f]')
  return sizes.reduce((product, size) => product * size, 1)
}

/** The hosts of a pattern whose number was checked before. */
function expanded(pattern: string): string[] {
  const [range] = pattern.matchAll(RANGE)
  if (range === undefined) return [pattern]
  const [whole, ...parts] = range
  const [before, behind] = [pattern.slice(0, range.index), pattern.slice(range.index + whole.length)]
  const rest = expanded(behind)
  return itemsOf(parts as string[]).flatMap((item) => rest.map((end) => before + item + end))
}

/** The first and last number of a range, and its step; undefined for an invalid range. */
function boundsOf([first = '', last = '', step = '1']: readonly (string | undefined)[]) {
  const isLetters = /^[a-z]$/i.test(first) && /^[a-z]$/i.test(last)
  if (!isLetters && !(/^\d{1,9}$/.test(first) && /^\d{1,9}$/.test(last))) return undefined
  const [from, to] = isLetters ? [first.charCodeAt(0), last.charCodeAt(0)] : [Number(first), Number(last)]
  const by = Number(step)
  const width = first.startsWith('0') ? first.length : 0
  return by < 1 || to < from ? undefined : { from, to, by, isLetters, width }
}

function sizeOf(range: readonly (string | undefined)[]): number {
  const bounds = boundsOf(range)
  return bounds === undefined ? 0 : Math.floor((bounds.to - bounds.from) / bounds.by) + 1
}

function itemsOf(range: readonly (string | undefined)[]): string[] {
  const { from, by, isLetters, width } = boundsOf(range) as NonNullable<ReturnType<typeof boundsOf>>
  return Array.from({ length: sizeOf(range) }, (_, index) => {
    const item = from + index * by
    return isLetters ? String.fromCharCode(item) : String(item).padStart(width, '0')
  })
}
