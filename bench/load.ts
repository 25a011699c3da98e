// Puts load on any server: npm run tool -- load URL; see --help.
import { loadavg } from 'node:os'
import { formatNumber } from './figures/format.ts'
import { percentile } from './figures/statistics.ts'
import { closedLoop, now, openLoop, type Sample, type Target } from './load/generate.ts'
import { LOAD_HELP, type LoadOptions, OptionError, readLoadOptions } from './load/options.ts'
import { createTally, resultText } from './load/result.ts'

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = readLoadOptions(argv)
    if (options === 'help') console.log(LOAD_HELP)
    else return await load(options)
    return 0
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    console.error(`load: ${error.message} (npm run tool -- load --help)`)
    return 2
  }
}

async function load(options: LoadOptions): Promise<number> {
  const { url, seconds, rate, connections, method, json } = options
  const how =
    rate === undefined
      ? `${connections} connections, each asks again as soon as it is answered`
      : `${rate} requests a second, over at most ${connections} connections`
  const shown = withoutUser(url)
  if (!json) console.log(`${method} ${shown}: ${how}, for ${seconds} s\n`)
  const tally = createTally()
  const cpu = process.cpuUsage()
  const began = now()
  const late = await generate(options, (sample) => tally.add(sample))
  const took = (now() - began) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const generator = {
    cpuShare: (user + system) / 1e6 / took,
    lateMs: late.length === 0 ? 0 : percentile(late, 0.99),
  }
  const result = tally.result(took)
  if (json)
    console.log(JSON.stringify({ url: shown, method, rate: rate ?? null, connections, ...result, generator }))
  else console.log([resultText(result), ...hints(generator)].join('\n'))
  return result.failed === 0 && result.requests > 0 ? 0 : 1
}

/** @returns by how many milliseconds each request was sent too late; none in a closed loop */
async function generate(options: LoadOptions, record: (sample: Sample) => void): Promise<readonly number[]> {
  const { url, seconds, rate, connections, method, headers, body, timeoutSeconds } = options
  const target: Target = {
    origin: url.origin,
    request: {
      path: url.pathname + url.search,
      method: method as 'GET',
      headers: withUser(url, headers),
      body: body ?? null,
    },
    connections,
    timeoutMs: timeoutSeconds * 1_000,
  }
  if (rate === undefined) {
    await closedLoop(target, seconds, record)
    return []
  }
  const over = now() + seconds * 1_000
  return openLoop(target, rate, (due) => due >= over, record)
}

/** A user and password in the URL are sent as basic authentication. */
function withUser(
  { username, password }: URL,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  if (username === '') return { ...headers }
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(user).toString('base64')}`, ...headers }
}

/** The URL without what nobody else should read. */
function withoutUser(url: URL): string {
  const shown = new URL(url)
  shown.username = shown.password = ''
  return shown.href
}

/** What a reader must know before believing the figures. */
function hints({ cpuShare, lateMs }: { readonly cpuShare: number; readonly lateMs: number }): string[] {
  const busy = `This generator kept a core ${Math.round(cpuShare * 100)}% busy: it may be what limits the throughput.`
  const late = `This generator was late itself, by ${formatNumber(lateMs)} ms at p99, which is in the latencies: the machine is busy (load ${(loadavg()[0] as number).toFixed(2)}).`
  return [...(cpuShare > 0.9 ? [busy] : []), ...(lateMs > 10 ? [late] : [])].map((text) => `\n${text}`)
}
