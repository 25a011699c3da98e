import { parseArgs } from 'node:util'
import { suggest } from '../../src/base/suggest.ts'

/** What load is put on what. */
export interface LoadOptions {
  readonly url: URL
  readonly seconds: number
  readonly connections: number
  /** Requests per second; undefined: as many as the server answers. */
  readonly rate: number | undefined
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly timeoutSeconds: number
  readonly json: boolean
}

/** What is wrong with the command line. */
export class OptionError extends Error {}

export const LOAD_HELP = `Usage: npm run tool -- load URL [options]

Puts load on a server and reports throughput, latencies and errors. Ends with 1 when a request failed: no answer,
an answer that was cut short, or a status other than 2xx and 304.

  --seconds=10       how long
  --connections=10   connections, each with one request at a time; with --rate the most that are opened
  --rate=N           requests per second, sent at their times whether or not earlier ones are answered. Latencies
                     count from the time at which a request was due, so that waiting in the queue counts too.
                     Without it each connection asks again as soon as it is answered: that tells the throughput;
                     its latencies leave out the requests that a slow answer kept from being sent.
  --method=GET       method
  --header='A: b'    a header; repeat it for more
  --body=TEXT        what is sent with each request
  --timeout=10       seconds without a byte after which a request has failed
  --json             print the result as JSON
  --help             print this

Examples:
  npm run tool -- load http://127.0.0.1:8080/targets
  npm run tool -- load http://127.0.0.1:8080/targets --rate=100 --header='Accept-Encoding: gzip'
`

const FLAGS = {
  seconds: { type: 'string', default: '10' },
  connections: { type: 'string', default: '10' },
  rate: { type: 'string' },
  method: { type: 'string', default: 'GET' },
  header: { type: 'string', multiple: true, default: [] as string[] },
  body: { type: 'string' },
  timeout: { type: 'string', default: '10' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/**
 * Reads the command line.
 * @returns 'help' when help is asked for
 * @throws OptionError that says what is wrong and what to write
 */
export function readLoadOptions(argv: readonly string[]): LoadOptions | 'help' {
  const { values, positionals } = parse(argv)
  if (values.help) return 'help'
  const rate = values.rate === undefined ? undefined : positive('rate', values.rate, 100_000)
  return {
    url: readUrl(positionals),
    seconds: positive('seconds', values.seconds, 86_400),
    connections: whole('connections', values.connections, 10_000),
    rate,
    method: readMethod(values.method),
    headers: Object.fromEntries(values.header.map(readHeader)),
    body: values.body,
    timeoutSeconds: positive('timeout', values.timeout, 3_600),
    json: values.json,
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true })
  } catch (error) {
    const message = (error as Error).message
    const unknown = /Unknown option '--?([^']+)'/.exec(message)?.[1]
    if (unknown === undefined) throw new OptionError(message.split('. ')[0])
    const near = suggest(unknown, Object.keys(FLAGS))
    throw new OptionError(`there is no --${unknown}${near === undefined ? '' : `; did you mean --${near}?`}`)
  }
}

function readUrl([text, ...more]: readonly string[]): URL {
  const example = 'npm run tool -- load http://127.0.0.1:8080/targets'
  if (text === undefined) throw new OptionError(`which URL? write ${example}`)
  if (more.length > 0) throw new OptionError(`one URL at a time; ${JSON.stringify(more[0])} is one too many`)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new OptionError(`${JSON.stringify(text)} is not an http or https URL; write ${example}`)
  }
  return url
}

function readMethod(text: string): string {
  if (/^[A-Za-z]+$/.test(text)) return text.toUpperCase()
  throw new OptionError(`--method is ${JSON.stringify(text)}; write one such as GET or POST`)
}

function readHeader(text: string): [name: string, value: string] {
  const match = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([^\r\n]*)$/.exec(text)
  if (match === null) {
    throw new OptionError(
      `--header is ${JSON.stringify(text)}; write a name, a colon and a value: 'Accept: text/plain'`,
    )
  }
  return [(match[1] as string).toLowerCase(), match[2] as string]
}

function positive(name: string, text: string, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value > 0 && value <= most) return value
  throw new OptionError(`--${name} is ${JSON.stringify(text)}; write a number over 0, up to ${most}`)
}

function whole(name: string, text: string, most: number): number {
  const value = positive(name, text, most)
  if (Number.isInteger(value)) return value
  throw new OptionError(`--${name} is ${JSON.stringify(text)}; write a whole number`)
}
