// Coverage counts the files of src, whichever test runs them; helpers of the tests do not count. Without a
// redis-server what speaks to one cannot be tested, and its tests say so; in CI it must be there.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

const { CI, REDIS_SERVER } = process.env
const hasRedis = CI === 'true' || Boolean(REDIS_SERVER) || spawnSync('which', ['redis-server']).status === 0

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && (hasRedis || !/^cluster\/redis/.test(file)))
  .map((file) => `src/${file}`)

// biome-ignore lint/style/noDefaultExport: tap wants it so
export default () => files
