import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { SdResult } from './populate.ts'

const run = promisify(execFile)

/** How long promtool waits for targets; static ones arrive at once, unless the machine is very busy. */
const TIMEOUTS = ['100ms', '1s', '5s']

/** A promtool that runs, and the major version of the Prometheus that it belongs to. */
export interface Promtool {
  readonly command: string
  readonly major: 2 | 3
}

/** The promtools to ask: `$PROMTOOL` (several with ":" between them), or the one on the PATH. */
export async function findPromtools(): Promise<Promtool[]> {
  const commands = (process.env.PROMTOOL ?? 'promtool').split(':')
  const found = await Promise.all(commands.map(probe))
  return found.filter((tool) => tool !== undefined)
}

async function probe(command: string): Promise<Promtool | undefined> {
  try {
    const { stdout, stderr } = await run(command, ['--version'])
    // A promtool that was built with "go install" does not know its version; none such is of Prometheus 2.
    return { command, major: /version 2\./.test(stdout + stderr) ? 2 : 3 }
  } catch {
    return undefined
  }
}

/** What `promtool check service-discovery` prints: the labels of each target before and after relabelling. */
export async function discover({ command }: Promtool, file: string, job: string): Promise<SdResult[]> {
  for (const timeout of TIMEOUTS) {
    const flags = ['check', 'service-discovery', `--timeout=${timeout}`, file, job]
    const { stdout } = await run(command, flags, { maxBuffer: 2 ** 26 })
    const results = JSON.parse(stdout) as SdResult[]
    if (results.length > 0) return canonical(results)
  }
  throw new Error(`${command} found no target in ${file}`)
}

/** Whether `promtool check config` accepts a file, and what it says when it does not. */
export async function checkConfig({ command }: Promtool, file: string): Promise<string | undefined> {
  try {
    await run(command, ['check', 'config', file])
    return undefined
  } catch (error) {
    return (error as { stderr: string }).stderr
  }
}

/** Sorts targets and labels, and merges equal results as promtool does. */
export function canonical(results: readonly SdResult[]): SdResult[] {
  const texts = results.map((result) =>
    JSON.stringify({
      discoveredLabels: sorted(result.discoveredLabels),
      labels: sorted(result.labels),
      ...(result.error && { error: {} }),
    }),
  )
  return [...new Set(texts)].sort().map((text) => JSON.parse(text) as SdResult)
}

function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Calls a function for every item, some at a time; the results are in the order of the items. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length)
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}
