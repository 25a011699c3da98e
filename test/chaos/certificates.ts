import { authority, type Pair } from '../helpers/certificates.ts'
import type { Scope } from '../helpers/scope.ts'
import type { Clock } from './machine.ts'

/** The certificates that an inventory may show. */
export interface Certificates {
  readonly good: Pair
  readonly expired: Pair
  readonly 'of an unknown CA': Pair
  /** The file of the authority that Rollcall knows. */
  readonly caFile: string
}

const NAMES = 'DNS:localhost'

/** Makes certificates that are as good an hour ago as now: clocks jump. */
export function createCertificates(scope: Scope, clock: Clock | undefined): Certificates {
  const env = clock?.env(-2 * 3_600_000)
  const known = authority(scope.testdir(), 'known', env)
  const unknown = authority(scope.testdir(), 'unknown', env)
  return {
    good: known.sign('good', NAMES),
    expired: known.signExpired('expired', NAMES),
    'of an unknown CA': unknown.sign('stranger', NAMES),
    caFile: known.certFile,
  }
}
