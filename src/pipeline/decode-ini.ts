import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'

/** Sections of keys and values, and Ansible's inventories, which are written much alike. */
export const ini: FormatRules = {
  extensions: ['ini', 'cfg'],
  accept: 'text/plain, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 128 * 1024,
  decode: decodeIni,
}

/** A line that is no comment, and where it stands. */
interface Line {
  readonly text: string
  readonly number: number
}

interface Section {
  readonly name: string
  readonly lines: readonly Line[]
}

type Variables = Readonly<Record<string, string>>

/** A host that is not in a group is in this one; all are in `all`. */
const UNGROUPED = 'ungrouped'

/** What a host pattern may expand to at most. */
const MAX_EXPANDED = 65_536

/**
 * Reads INI. Where every line is `key = value`, a record is a section: its keys, and its name as `name`. Where a line is
 * a host, as in an inventory of Ansible, a record is a host: its name as `name`, its groups as `groups` (those around
 * them too), and its variables, with those of its groups; a host in two groups is one record. All values are texts.
 * @throws RefreshError `parse` with the line
 */
function decodeIni(text: string, name: string): Json {
  const fail = (line: number, what: string) =>
    new RefreshError('parse', `${name} is not valid INI at line ${line}: ${what}`)
  const sections = sectionsOf(text, fail)
  const isInventory = sections.some(
    ({ name: section, lines }) =>
      /:(?:vars|children)$/.test(section) || lines.some(({ text: line }) => isHost(line)),
  )
  return isInventory ? hostsOf(sections, fail) : sections.filter(({ name: one }) => one !== '').map(recordOf)
}

type Fail = (line: number, what: string) => RefreshError

function sectionsOf(text: string, fail: Fail): Section[] {
  const sections: { name: string; lines: Line[] }[] = [{ name: '', lines: [] }]
  for (const [index, whole] of text.split(/\r\n|\n|\r/).entries()) {
    const line = whole.replace(/^\s*[#;].*$|\s[#;].*$/, '').trim()
    if (line === '') continue
    const header = /^\[([^\]]+)\]$/.exec(line)
    if (header !== null) sections.push({ name: (header[1] as string).trim(), lines: [] })
    else if (/^[<[{]/.test(line))
      throw fail(index + 1, 'it begins as HTML, JSON or a header that has no end does')
    else sections.at(-1)?.lines.push({ text: line, number: index + 1 })
  }
  return sections
}

/** What stands behind a key: "=", or ":" and a blank, which may be the end of the line. */
const PAIR = /^([^=:]+?)\s*(?:=|:(?=\s|$))\s*(.*)$/

/** A host is followed by a blank, by nothing, or by a port. */
function isHost(line: string): boolean {
  const [, key] = PAIR.exec(line) ?? []
  return key === undefined || /\s/.test(key.trim())
}

function recordOf({ name, lines }: Section): Json {
  return Object.fromEntries([['name', name], ...lines.map(({ text }) => pairOf(text))])
}

function pairOf(text: string): readonly [name: string, value: string] {
  const [, key, value] = PAIR.exec(text) as unknown as [string, string, string]
  return [key, unquoted(value)]
}

function unquoted(text: string): string {
  return /^(["']).*\1$/.test(text) && text.length > 1 ? text.slice(1, -1) : text
}

function hostsOf(sections: readonly Section[], fail: Fail): Json {
  const parents = new Map<string, Set<string>>()
  const variables = new Map<string, Variables>()
  const hosts = new Map<string, { groups: Set<string>; variables: Variables }>()

  function addHosts({ name, lines }: Section): void {
    for (const { text, number } of lines) {
      const [pattern, ...words] = wordsOf(text, number, fail)
      const own = Object.fromEntries(words.map((word) => variableOf(word, number, fail)))
      for (const host of expanded(pattern, number, fail)) {
        const before = hosts.get(host) ?? { groups: new Set(), variables: {} }
        before.groups.add(name === '' ? UNGROUPED : name)
        hosts.set(host, { ...before, variables: { ...before.variables, ...own } })
      }
    }
  }

  for (const section of sections) {
    const kind = /:(vars|children)$/.exec(section.name)?.[1]
    const group = section.name.replace(/:(?:vars|children)$/, '')
    if (kind === 'vars') {
      const given = section.lines.map(({ text, number }) => variableOf(text, number, fail))
      variables.set(group, { ...variables.get(group), ...Object.fromEntries(given) })
    } else if (kind === 'children') {
      for (const { text } of section.lines) parents.set(text, (parents.get(text) ?? new Set()).add(group))
    } else addHosts(section)
  }

  /** A group with those around it, the outermost first: what is nearer wins. */
  function around(group: string, below: ReadonlySet<string> = new Set()): string[] {
    if (below.has(group)) return []
    const inner = new Set([...below, group])
    return [...[...(parents.get(group) ?? [])].flatMap((parent) => around(parent, inner)), group]
  }

  return [...hosts].map(([name, { groups, variables: own }]) => {
    const all = [...new Set([...groups].flatMap((group) => around(group)))]
    const inherited = ['all', ...all].map((group) => variables.get(group) ?? {})
    return { ...Object.assign({}, ...inherited), ...own, name, groups: all }
  })
}

/** Words with blanks between; one may have a text in quotes. */
function wordsOf(text: string, line: number, fail: Fail): [first: string, ...others: string[]] {
  if (!/^(?:[^"']|"[^"]*"|'[^']*')+$/.test(text)) throw fail(line, 'a quote has no end')
  return text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) as [string]
}

function variableOf(word: string, line: number, fail: Fail): readonly [name: string, value: string] {
  if (!/^[^=]+=/.test(word)) throw fail(line, 'a variable is written name=value')
  return pairOf(word)
}

const RANGE = /\[(\w+):(\w+)(?::(\d+))?\]/

/** The hosts of a pattern such as `web[01:10].example.com` or `db[a:f]`. */
function expanded(pattern: string, line: number, fail: Fail): string[] {
  const range = RANGE.exec(pattern)
  if (range === null) return [pattern]
  const [whole, first = '', last = '', step = '1'] = range
  const rest = (item: string) => expanded(pattern.replace(whole, item), line, fail)
  const items = rangeOf(first, last, Number(step))
  if (items.length === 0) throw fail(line, 'a range has no items; write [1:20], [01:20] or [a:f]')
  const hosts = items.flatMap(rest)
  if (hosts.length > MAX_EXPANDED) throw fail(line, `a pattern stands for more than ${MAX_EXPANDED} hosts`)
  return hosts
}

/** The items from the first to the last; none when there is no such range. */
function rangeOf(first: string, last: string, step: number): string[] {
  const isLetters = /^[a-z]$/i.test(first) && /^[a-z]$/i.test(last)
  if (!isLetters && !(/^\d+$/.test(first) && /^\d+$/.test(last))) return []
  const [from, to] = isLetters ? [first.charCodeAt(0), last.charCodeAt(0)] : [Number(first), Number(last)]
  if (step < 1 || to < from || (to - from) / step > MAX_EXPANDED) return []
  const width = first.startsWith('0') ? first.length : 0
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => {
    const item = from + index * step
    return isLetters ? String.fromCharCode(item) : String(item).padStart(width, '0')
  })
}
