/** The oldest Node.js that runs Rollcall: major and minor version, as `engines` of package.json has them. */
const OLDEST = [20, 19] as const

/**
 * What to say to somebody whose Node.js is too old; undefined when it is not. Together with cli.ts this is all that an old one
 * reads, and so it has nothing in it that Node.js 12 does not understand.
 */
export function oldNodeText(version: string): string | undefined {
  const [major, minor] = version.split('.').map(Number) as [number, number]
  const [oldestMajor, oldestMinor] = OLDEST
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined
  return `rollcall: Node.js ${version} is too old; install ${OLDEST.join('.')} or later\n`
}
