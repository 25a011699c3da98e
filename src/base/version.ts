import { createRequire } from 'node:module'

const manifest: { version: string } = createRequire(import.meta.url)('rollcall/package.json')

/** The version of this Rollcall, from its package.json. */
export const version: string = manifest.version

/** The User-Agent of requests to an inventory. */
export const USER_AGENT = `Rollcall/${version}`
