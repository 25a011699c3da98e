import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { HttpError, messageOf } from '../base/errors.ts'
import type { LineLogger } from '../base/line-logger.ts'
import { moduleUrl } from '../base/module-url.ts'
import { createMutex } from '../base/mutex.ts'
import type { Threads } from '../base/threads.ts'
import type { Scope } from './names.ts'

/** The permissions of a client. */
export interface Permissions {
  readonly may: ReadonlySet<Scope>
  /** The sources that it may read; undefined: all. */
  readonly sources: ReadonlySet<string> | undefined
}

/** A user of `basic_auth_users`. */
export interface User extends Permissions {
  readonly name: string
  /** The bcrypt hash of the password. */
  readonly hash: string
}

/** An entry of `bearer_tokens`, with its file read. */
export interface BearerToken extends Permissions {
  readonly name: string
  readonly tokens: readonly string[]
}

/** The clients that may send requests, and their rate limit. */
export interface AccessOptions {
  readonly users: readonly User[]
  readonly bearerTokens: readonly BearerToken[]
  /** Undefined: no limit. */
  readonly rateLimit: { readonly intervalMs: number; readonly burst: number } | undefined
  /** Headers of every response. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Host names that requests without credentials may use to change something. */
  readonly allowedHosts: readonly string[]
}

/** The parts of a request that decide whether it is admitted. */
export interface Asked {
  readonly scope: Scope
  /** The source that it is about; undefined: all of them. */
  readonly source: string | undefined
  /** It is about the server, not about sources: clients that are limited to some sources may send it too. */
  readonly isAboutServer: boolean
  readonly authorization: string | undefined
  /** An object that is the same for all requests of a connection. */
  readonly connection: object
  readonly address: string | undefined
}

/** Why requests and connections are refused: the values of the `reason` label of `rollcall_http_refused_total`. */
export const REFUSALS = [
  'no_credentials',
  'wrong_credentials',
  'forbidden',
  'too_many_checks',
  'rate_limited',
  'cross_site',
  'wrong_host',
  'client_certificate',
  'plain_http',
] as const
export type Refusal = (typeof REFUSALS)[number]

/** The details of a refusal. */
export interface Refused {
  /** The name of the user or token. */
  readonly name?: string | undefined
  readonly address?: string | undefined
  readonly route?: string | undefined
  readonly fault?: string | undefined
}

/** Counts and logs a refusal. */
export type ReportRefusal = (reason: Refusal, who: Refused) => void

/** Authenticates and authorizes requests. */
export interface Access {
  /** Replaces the options, from the next request on, also on open connections. */
  configure(options: AccessOptions): void
  headers(): AccessOptions['headers']
  allowedHosts(): readonly string[]
  /** Whether requests need credentials. */
  needsCredentials(): boolean
  /** The challenges of a 401, for its WWW-Authenticate header. */
  challenges(): string[]
  /**
   * Admits a request: at once when its connection has sent the same credentials before, otherwise with a promise.
   * @throws HttpError `rate_limited`, `unauthorized`, `forbidden`, `overloaded`; so does the promise
   */
  admit(asked: Asked): Promise<void> | undefined
  /**
   * Whether {@link admit} would admit a request at once. It counts and reports nothing; false when there is a rate
   * limit, because then requests must be counted.
   */
  admitsAtOnce(asked: Asked): boolean
  /** Ends the threads that check passwords. */
  close(): Promise<void>
}

/** The dependencies of access. */
export interface AccessDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Threads only for passwords: a slow hash must not delay other work. */
  readonly threads: Pick<Threads, 'run' | 'close'>
  readonly report: ReportRefusal
}

/** An authenticated client. */
interface Asker extends Permissions {
  readonly name: string
}

/** The number of correct passwords that are remembered, and of wrong ones. */
const MAX_REMEMBERED = 100

/** The number of passwords that can wait to be checked, one at a time ... */
const MAX_WAITING = 32

/** ... and the number of these from one address, so that a client that tries many passwords does not block others. */
const MAX_WAITING_PER_ADDRESS = 4

/** The `Retry-After` when a password could not be checked, in seconds. */
const RETRY_AFTER_SECONDS = 1

/** Creates the access of a server. */
export function createAccess(first: AccessOptions, deps: AccessDeps): Access {
  const { report } = deps
  const passwords = createPasswords(deps)
  // The last credentials of each connection, and their client. A plain comparison is safe: the connection itself sent
  // them, so its timing reveals nothing new.
  let known = new WeakMap<object, { readonly authorization: string; readonly asker: Asker }>()
  let options = first
  let users = byName(first)
  let tokens = byDigest(first)
  let limit = createRateLimit(first.rateLimit, deps.clock)

  function needsCredentials(): boolean {
    return options.users.length + options.bearerTokens.length > 0
  }

  function refuse(error: HttpError, reason: Refusal, name: string | undefined, asked: Asked): HttpError {
    report(reason, { name, address: asked.address })
    return error
  }

  /** The client that sent the same credentials on this connection before. */
  function askerOf({ connection, authorization }: Asked): Asker | undefined {
    const before = known.get(connection)
    return before?.authorization === authorization ? before?.asker : undefined
  }

  /** @throws HttpError `forbidden` */
  function assertMay(asker: Asker, asked: Asked): void {
    const { name, may, sources } = asker
    const { scope } = asked
    if (!may.has(scope)) {
      const message = `${name} may not ${scope}, but only ${[...may].join(', ')}; use other credentials, or add ${scope} to its scopes (may) in the file of --web.config.file`
      throw refuse(new HttpError('forbidden', message), 'forbidden', name, asked)
    }
    if (sources === undefined || isWithin(sources, asked)) return
    const [first] = sources
    const message = `${name} may read only these sources: ${[...sources].join(', ')}; name one of them, such as /targets/${first} or ?source=${first}`
    throw refuse(new HttpError('forbidden', message), 'forbidden', name, asked)
  }

  function accept(asker: Asker, authorization: string, asked: Asked): void {
    known.set(asked.connection, { authorization, asker })
    assertMay(asker, asked)
  }

  function unauthorized(
    reason: 'no_credentials' | 'wrong_credentials',
    name: string | undefined,
    asked: Asked,
  ) {
    const way = [
      ...(options.users.length > 0 ? ['a user with its password (basic authentication)'] : []),
      ...(options.bearerTokens.length > 0 ? ['a token (Authorization: Bearer …)'] : []),
    ].join(' or ')
    const what = reason === 'no_credentials' ? 'no credentials were sent' : 'the credentials are wrong'
    // An unknown name is not shown: it may be a password in the wrong field.
    const known = name !== undefined && users.has(name) ? name : undefined
    return refuse(new HttpError('unauthorized', `${what}; send ${way}`), reason, known, asked)
  }

  async function checked(check: Check, asked: Asked): Promise<boolean> {
    try {
      return await passwords.check(check)
    } catch (error) {
      const known = users.has(check.name) ? check.name : undefined
      throw refuse(error as HttpError, 'too_many_checks', known, asked)
    }
  }

  async function checkPassword(
    name: string,
    password: string,
    authorization: string,
    asked: Asked,
  ): Promise<void> {
    const user = users.get(name)
    const hash = user?.hash ?? passwords.fake(name, options.users)
    const before = options
    const isRight = await checked({ name, hash, password, address: String(asked.address) }, asked)
    // The user was changed during the check: it must authenticate again.
    if (options !== before && users.get(name)?.hash !== user?.hash) {
      throw unauthorized('wrong_credentials', name, asked)
    }
    if (!isRight || user === undefined) throw unauthorized('wrong_credentials', name, asked)
    accept(users.get(name) as User, authorization, asked)
  }

  function prove(authorization: string, asked: Asked): Promise<void> | undefined {
    const bearer = bearerIn(authorization)
    if (bearer !== undefined) {
      const asker = tokens.get(tokenDigest(bearer))
      if (asker === undefined) throw unauthorized('wrong_credentials', undefined, asked)
      return void accept(asker, authorization, asked)
    }
    const basic = readBasic(authorization)
    if (basic === undefined || options.users.length === 0)
      throw unauthorized('wrong_credentials', undefined, asked)
    return checkPassword(basic.name, basic.password, authorization, asked)
  }

  return {
    configure(next) {
      if (JSON.stringify(next.rateLimit) !== JSON.stringify(options.rateLimit)) {
        limit = createRateLimit(next.rateLimit, deps.clock)
      }
      options = next
      users = byName(next)
      tokens = byDigest(next)
      known = new WeakMap()
    },
    headers: () => options.headers,
    allowedHosts: () => options.allowedHosts,
    needsCredentials,
    challenges: () => [
      ...(options.users.length > 0 ? ['Basic realm="rollcall", charset="UTF-8"'] : []),
      ...(options.bearerTokens.length > 0 ? ['Bearer realm="rollcall"'] : []),
    ],
    admit(asked) {
      if (!limit()) {
        const error = new HttpError('rate_limited', 'more requests than rate_limit allows; send fewer', 1)
        throw refuse(error, 'rate_limited', undefined, asked)
      }
      if (!needsCredentials()) return undefined
      const { authorization } = asked
      if (authorization === undefined) throw unauthorized('no_credentials', undefined, asked)
      const asker = askerOf(asked)
      if (asker === undefined) return prove(authorization, asked)
      return void assertMay(asker, asked)
    },
    admitsAtOnce(asked) {
      if (options.rateLimit !== undefined) return false
      if (!needsCredentials()) return true
      const asker = askerOf(asked)
      if (asker === undefined || !asker.may.has(asked.scope)) return false
      return asker.sources === undefined || isWithin(asker.sources, asked)
    },
    close: () => passwords.close(),
  }
}

function isWithin(sources: ReadonlySet<string>, { source, isAboutServer }: Asked): boolean {
  return isAboutServer || (source !== undefined && sources.has(source))
}

function byName({ users }: AccessOptions): Map<string, User> {
  return new Map(users.map((user) => [user.name, user]))
}

/** A new key for each process, so that the time of a look-up reveals nothing that a sender could use. */
const SALT = randomBytes(32)

function byDigest({ bearerTokens }: AccessOptions): Map<string, Asker> {
  return new Map(
    bearerTokens.flatMap((entry) => entry.tokens.map((token) => [tokenDigest(token), entry] as const)),
  )
}

function tokenDigest(token: string): string {
  return createHmac('sha256', SALT).update(token).digest('base64')
}

/** The token in a header, by RFC 6750; the scheme name is case-insensitive, as in RFC 9110. */
export function bearerIn(authorization = ''): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1]
}

/** The user and password in a header, by RFC 7617; undefined when there are none. */
function readBasic(authorization: string): { name: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(authorization)?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** A token bucket, as in golang.org/x/time/rate: full at first, and it gains one in each interval. */
function createRateLimit(
  limit: AccessOptions['rateLimit'],
  { monotonic }: Pick<Clock, 'monotonic'>,
): () => boolean {
  if (limit === undefined) return () => true
  const { intervalMs, burst } = limit
  let level = burst
  let lastMs = monotonic()
  return () => {
    const nowMs = monotonic()
    level = Math.min(burst, level + (nowMs - lastMs) / intervalMs)
    lastMs = nowMs
    if (level < 1) return false
    level--
    return true
  }
}

interface Check {
  readonly name: string
  readonly hash: string
  readonly password: string
  readonly address: string
}

const JOB = { module: moduleUrl('web/password-worker.js'), name: 'comparePassword' }

/** Checks passwords in a thread, one at a time, and remembers the last results by a salted digest. */
function createPasswords({ threads }: Pick<AccessDeps, 'threads'>) {
  const right = new Map<string, true>()
  const wrong = new Map<string, true>()
  const checking = new Map<string, Promise<boolean>>()
  const waiting = new Map<string, number>()
  const mutex = createMutex()
  const closing = new AbortController()

  function digestOf({ name, hash, password }: Check): string {
    // The length of the name separates it from the hash, whose length is fixed, so that the digest is unambiguous.
    return createHmac('sha256', SALT).update(`${name.length}:${name}${hash}${password}`).digest('base64')
  }

  function remember(map: Map<string, true>, key: string): void {
    if (map.size >= MAX_REMEMBERED)
      for (const oldest of map.keys()) {
        map.delete(oldest)
        break
      }
    map.set(key, true)
  }

  async function compare(key: string, { hash, password }: Check): Promise<boolean> {
    const { signal } = closing
    try {
      const isRight = await mutex(() => threads.run<boolean>(JOB, { hash, password }, { signal }))
      remember(isRight ? right : wrong, key)
      return isRight
    } catch (error) {
      throw new HttpError(
        'overloaded',
        `the password cannot be checked: ${messageOf(error)}`,
        RETRY_AFTER_SECONDS,
      )
    }
  }

  /** @throws HttpError `overloaded` */
  function takePlace(address: string): () => void {
    const before = waiting.get(address) ?? 0
    if (checking.size >= MAX_WAITING || before >= MAX_WAITING_PER_ADDRESS) {
      throw new HttpError(
        'overloaded',
        'too many passwords are being checked; try again',
        RETRY_AFTER_SECONDS,
      )
    }
    waiting.set(address, before + 1)
    return () => {
      const left = (waiting.get(address) as number) - 1
      if (left === 0) waiting.delete(address)
      else waiting.set(address, left)
    }
  }

  return {
    /** @throws HttpError `overloaded`; so does the promise */
    check(check: Check): Promise<boolean> {
      const key = digestOf(check)
      if (right.has(key)) return Promise.resolve(true)
      if (wrong.has(key)) return Promise.resolve(false)
      const same = checking.get(key)
      if (same !== undefined) return same
      const leave = takePlace(check.address)
      const compared = compare(key, check).finally(() => {
        checking.delete(key)
        leave()
      })
      checking.set(key, compared)
      return compared
    },
    /**
     * A hash without a password, for a user that does not exist. It has the cost of an existing one, so that the time of
     * the check does not reveal which users exist.
     */
    fake(name: string, users: readonly User[]): string {
      const index = createHmac('sha256', SALT).update(name).digest().readUInt32LE() % users.length
      const { hash } = users[index] as User
      return `${hash.slice(0, 29)}${'.'.repeat(31)}`
    },
    async close() {
      closing.abort(new Error('the server stops'))
      await threads.close()
    },
  }
}

/** The time for which a reason is not logged again, in milliseconds. */
const QUIET_MS = 60_000

/**
 * Creates the report of refusals: it counts each one, and logs each reason at most once a minute, with the number of
 * refusals since the last line.
 * @param count counts one refusal
 */
export function createReport(
  count: (reason: Refusal) => void,
  log: Pick<LineLogger, 'warn'>,
  clock: Pick<Clock, 'monotonic'>,
): ReportRefusal {
  const last = new Map<Refusal, { quietUntilMs: number; unlogged: number }>()
  return (reason, who) => {
    count(reason)
    const nowMs = clock.monotonic()
    const before = last.get(reason)
    if (before !== undefined && nowMs < before.quietUntilMs) {
      before.unlogged++
      return
    }
    last.set(reason, { quietUntilMs: nowMs + QUIET_MS, unlogged: 0 })
    const { name, ...rest } = who
    log.warn(
      {
        reason,
        ...rest,
        ...(name === undefined ? {} : { name: name.slice(0, 100) }),
        count: 1 + (before?.unlogged ?? 0),
      },
      'request refused',
    )
  }
}
