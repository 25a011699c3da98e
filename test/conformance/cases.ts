import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Where the cases are; the script and the tests both run from the root of the repository. */
export const CASES = 'test/conformance/relabel'

/** The names of the cases, without endings. */
export async function caseNames(): Promise<string[]> {
  const files = await readdir(CASES)
  return files.filter((file) => file.endsWith('.yml')).map((file) => file.slice(0, -'.yml'.length))
}

/** What promtool makes of a case: of every major version, or of one where they differ. */
export function goldenPath(name: string, major?: number): string {
  return join(CASES, `${name}${major === undefined ? '' : `.prometheus-${major}`}.golden.json`)
}
