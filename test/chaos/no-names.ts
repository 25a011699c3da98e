// Loaded into the process under test (--import): while the file that $CHAOS_NO_NAMES names is there, the resolver
// of the operating system is asked for a name that cannot be. An address needs no resolver: what listens on one starts.
import dns from 'node:dns'
import { existsSync } from 'node:fs'
import { isIP } from 'node:net'

const lookup = dns.lookup as (...args: unknown[]) => void
Object.assign(dns, {
  lookup(name: string, ...rest: unknown[]) {
    const isLost = isIP(name) === 0 && existsSync(String(process.env.CHAOS_NO_NAMES))
    lookup(isLost ? 'no..such.name' : name, ...rest)
  },
})
