// Loaded into the process under test (--import): while the file that $CHAOS_NO_NAMES names is there, the resolver
// of the operating system is asked for a name that cannot be.
import dns from 'node:dns'
import { existsSync } from 'node:fs'

const lookup = dns.lookup as (...args: unknown[]) => void
Object.assign(dns, {
  lookup(name: string, ...rest: unknown[]) {
    lookup(existsSync(String(process.env.CHAOS_NO_NAMES)) ? 'no..such.name' : name, ...rest)
  },
})
