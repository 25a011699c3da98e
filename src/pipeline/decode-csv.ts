import { createRequire } from 'node:module'
import { RefreshError } from '../base/errors.ts'
import type { Format } from '../model/document.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'

// The parser is loaded on first use, to save memory on servers that never read CSV; a dynamic import would
// make decoding asynchronous.
const load = createRequire(import.meta.url)

/** CSV: a table of texts. */
export const csv: FormatRules = {
  extensions: ['csv'],
  accept: 'text/csv, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 128 * 1024,
  decode: decodeCsv,
}

/** The delimiters that are tried if none is given, in the order of preference. */
const DELIMITERS = [',', ';', '\t', '|']

/** The line before the header that tells Excel the delimiter. */
const SEPARATOR_LINE = /^sep=(.)\r?\n/

/**
 * Decodes CSV (RFC 4180). The first row names the fields, unless `columns` do; each further row is a record
 * with those fields, all of them texts. Blank lines are skipped, white space around values is removed. The
 * delimiter is the one that is given, else that of a line `sep=;`, else the one of `,`, `;`, tab and `|` that
 * occurs most in the first row. A row with more or fewer cells than the header becomes a text that says so. A
 * text is not a record, so the row is quarantined alone, and no value moves to another field. The text quotes
 * none of its cells, since any of them may be a secret. A column without a name is left out, as is an empty
 * cell at the end of each row.
 * @throws RefreshError `parse` with the line when quotes are broken, or when the header is missing or in
 * doubt
 */
function decodeCsv(text: string, name: string, { delimiter: given, columns }: Format): Json {
  const separator = SEPARATOR_LINE.exec(text)
  const body = separator === null ? text : text.slice(separator[0].length)
  const delimiter = given ?? separator?.[1] ?? mostIn(body)
  const rows = parseRows(body, name, delimiter)
  const header = columns ?? checkedHeader(rows[0], name)
  const other = DELIMITERS.find((sign) => rows[0]?.length === 1 && rows[0][0]?.includes(sign))
  if (other !== undefined && header.length === 1) {
    throw new RefreshError(
      'parse',
      `${name} has one column with the delimiter ${JSON.stringify(delimiter)}, and its first row contains ${JSON.stringify(other)}; if that separates the fields, write csv_delimiter: ${JSON.stringify(other)}`,
    )
  }
  if (columns !== undefined) return rows.map((cells) => recordOf(header, cells))
  // To a parser, a line such as "Service Unavailable" is a header too.
  if (rows.length === 1 && header.length === 1) {
    throw new RefreshError(
      'parse',
      `${name} has one line with one column, which may be a message instead of a header; the header of an empty list needs two columns or more`,
    )
  }
  const isGuessed = given === undefined && separator === null
  if (rows.length === 1 && isGuessed && (delimiter !== ',' || header.some((field) => /[\s:]/.test(field)))) {
    throw new RefreshError(
      'parse',
      `${name} has one line, which may be a message; if it is the header of an empty list, write csv_delimiter: ${JSON.stringify(delimiter)}`,
    )
  }
  return rows.slice(1).map((cells) => recordOf(header, cells))
}

/** The delimiter that occurs most in the first line; a comma if there is none. */
function mostIn(text: string): string {
  const [first = ''] = text.trimStart().split(/[\r\n]/, 1)
  const bare = first.replace(/"[^"]*"/g, '')
  const countOf = (sign: string) => bare.split(sign).length
  return DELIMITERS.reduce((most, sign) => (countOf(sign) > countOf(most) ? sign : most))
}

function recordOf(header: readonly string[], all: readonly string[]): Json {
  // Some programs write a delimiter after the last value too.
  const cells = all.length === header.length + 1 && all.at(-1) === '' ? all.slice(0, -1) : all
  if (cells.length !== header.length) {
    return `(a row with ${all.length} instead of ${header.length} cells)`
  }
  const fields = header.map((field, index) => [field, cells[index] as string] as const)
  return Object.fromEntries(fields.filter(([field]) => field !== ''))
}

function parseRows(text: string, name: string, delimiter: string): string[][] {
  const { parse } = load('csv-parse/sync') as typeof import('csv-parse/sync')
  try {
    return parse(text, {
      delimiter,
      // Files written by several programs mix them.
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    })
  } catch (cause) {
    // The parser's own message quotes the value.
    const { lines } = cause as { lines?: number }
    const message = `${name} is not valid CSV near line ${lines}: a value with quotes in it must be quoted as a whole, with each inner quote doubled`
    throw new RefreshError('parse', message, { cause })
  }
}

function checkedHeader(header: readonly string[] | undefined, name: string): readonly string[] {
  const fail = (fault: string) =>
    new RefreshError('parse', `${name} ${fault}; the first row of CSV must name each field`)
  if (header === undefined) throw fail('has only blank lines')
  if (header[0]?.startsWith('<')) throw fail('looks like HTML or XML, not CSV')
  if (header.every((field) => field === '')) throw fail('has a first row without a name')
  const seen = new Set<string>()
  const twice = header.find((field) => field !== '' && seen.size === seen.add(field).size)
  if (twice !== undefined) throw fail(`has two columns called ${JSON.stringify(twice.slice(0, 40))}`)
  return header
}
