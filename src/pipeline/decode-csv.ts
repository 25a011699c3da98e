import { createRequire } from 'node:module'
import { RefreshError } from '../base/errors.ts'
import type { Format } from '../model/document.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'

// The parser is loaded when it is first needed, to save the memory of the many servers that never read CSV;
// a dynamic import would make decoding asynchronous.
const load = createRequire(import.meta.url)

/** Tables of texts. */
export const csv: FormatRules = {
  extensions: ['csv'],
  accept: 'text/csv, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 128 * 1024,
  decode: decodeCsv,
}

/**
 * Reads CSV (RFC 4180) whose first row names the fields: each further row is a record with those fields, all
 * of them texts. Blank lines are skipped, white space around values is cut. A row with more or fewer cells than
 * the header is handed on as a text that says so, which is no record: it is quarantined alone, no value ever moves
 * to another field, and nothing of it is shown, since nobody knows which of its cells is a secret.
 * @param format its delimiter is one character
 * @throws RefreshError `parse` with the line when quotes are broken, when the header is none, or may be none
 */
function decodeCsv(text: string, name: string, { delimiter = ',' }: Format): Json {
  const rows = parseRows(text, name, delimiter)
  const header = checkedHeader(rows[0], name)
  // A line such as "Service Unavailable" is a header too, to a parser.
  if (rows.length === 1 && header.length === 1) {
    throw new RefreshError(
      'parse',
      `${name} has one line with one column, which may be a message and no header; an empty list must be told with two columns or more`,
    )
  }
  const other = [',', ';', '\t', '|'].find((sign) => header.length === 1 && header[0]?.includes(sign))
  if (other !== undefined) {
    throw new RefreshError(
      'parse',
      `${name} has one column by ${JSON.stringify(delimiter)}, and its first row has ${JSON.stringify(other)} in it; if that stands between the fields, write csv_delimiter: ${JSON.stringify(other)}`,
    )
  }
  return rows.slice(1).map((cells) => {
    if (cells.length !== header.length) {
      return `(a row with ${cells.length} instead of ${header.length} cells)`
    }
    return Object.fromEntries(header.map((field, index) => [field, cells[index] as string]))
  })
}

function parseRows(text: string, name: string, delimiter: string): string[][] {
  const { parse } = load('csv-parse/sync') as typeof import('csv-parse/sync')
  try {
    return parse(text, {
      delimiter,
      // Files that several programs wrote mix them.
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    })
  } catch (cause) {
    // The parser's own message quotes the value.
    const { lines } = cause as { lines?: number }
    const message = `${name} is not valid CSV near line ${lines}: a value that has quotes in it must stand in quotes as a whole, with each of its own doubled`
    throw new RefreshError('parse', message, { cause })
  }
}

function checkedHeader(header: readonly string[] | undefined, name: string): readonly string[] {
  const fail = (fault: string) =>
    new RefreshError('parse', `${name} ${fault}; the first row of CSV must name each field`)
  if (header === undefined) throw fail('has only blank lines')
  if (header[0]?.startsWith('<')) throw fail('looks like HTML or XML, not CSV')
  const unnamed = header.indexOf('')
  if (unnamed !== -1) throw fail(`has no name for column ${unnamed + 1}`)
  const seen = new Set<string>()
  const twice = header.find((field) => seen.size === seen.add(field).size)
  if (twice !== undefined) throw fail(`has two columns called ${JSON.stringify(twice.slice(0, 40))}`)
  return header
}
