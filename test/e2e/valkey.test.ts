// Runs the tests that need a Redis against a Valkey.
import t from 'tap'
import { findTool, missing } from '../helpers/tools.ts'

const valkey = findTool('valkey-server', 'VALKEY_SERVER')
if (!missing(t, valkey, 'valkey-server')) {
  process.env.REDIS_SERVER = valkey
  for (const file of ['redis', 'redis-servers', 'service-history'])
    await import(new URL(`../cluster/${file}.test.js`, import.meta.url).href)
}
