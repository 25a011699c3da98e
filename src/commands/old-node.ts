/** The oldest supported Node.js, major and minor version, as in `engines` of package.json. */
const OLDEST = [20, 19] as const

/**
 * The message when Node.js is too old; undefined when it is not. An old Node.js reads only this file and cli.ts, so they
 * use only syntax that Node.js 12 supports.
 */
export function oldNodeText(version: string): string | undefined {
  const [major, minor] = version.split('.').map(Number) as [number, number]
  const [oldestMajor, oldestMinor] = OLDEST
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined
  return `rollcall: Node.js ${version} is too old; install ${OLDEST.join('.')} or later\n`
}
