import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import type { ScrapeConfig, SdResult } from '../helpers/populate.ts'
import { canonical, discover, findPromtools, inParallel, type Promtool } from '../helpers/promtool.ts'
import { CASES, caseNames, goldenPath } from './cases.ts'

/** Writes what promtool makes of every case; see the README beside them. */
async function writeGoldenFiles(): Promise<void> {
  const promtools = await findPromtools()
  const newest = promtools.find(({ major }) => major === 3)
  if (newest === undefined) throw new Error('no promtool of Prometheus 3 is on the PATH or in PROMTOOL')
  const oldest = promtools.find(({ major }) => major === 2)
  const names = await caseNames()
  await inParallel(names, 4, (name) => writeGolden(name, newest, oldest))
  console.log(`${names.length} cases, answered by ${promtools.map(({ command }) => command).join(' and ')}`)
}

async function writeGolden(name: string, newest: Promtool, oldest: Promtool | undefined): Promise<void> {
  const file = join(CASES, `${name}.yml`)
  const [job] = (parse(await readFile(file, 'utf8')) as { scrape_configs: [ScrapeConfig] }).scrape_configs
  const answer = await discover(newest, file, job.job_name)
  const oldAnswer = oldest && (await discover(oldest, file, job.job_name))
  if (oldAnswer === undefined) {
    const differs = (await readdir(CASES)).includes(basename(goldenPath(name, 2)))
    return write(goldenPath(name, differs ? 3 : undefined), answer)
  }
  for (const major of [undefined, 2, 3]) await rm(goldenPath(name, major), { force: true })
  if (sameOutcome(answer, oldAnswer)) return write(goldenPath(name), answer)
  await write(goldenPath(name, 2), oldAnswer)
  await write(goldenPath(name, 3), answer)
}

/** Compares without the discovered labels, which Prometheus 2.42 spoils in its report: rules change them. */
function sameOutcome(a: readonly SdResult[], b: readonly SdResult[]): boolean {
  const outcome = (results: readonly SdResult[]) =>
    JSON.stringify(canonical(results.map((result) => ({ ...result, discoveredLabels: {} }))))
  return outcome(a) === outcome(b)
}

function write(path: string, results: readonly SdResult[]): Promise<void> {
  return writeFile(path, `${JSON.stringify(results, null, 2)}\n`)
}

await writeGoldenFiles()
