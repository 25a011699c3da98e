import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { HttpError, messageOf } from '../base/errors.ts'
import type { LineLogger } from '../base/line-logger.ts'
import { createMutex } from '../base/mutex.ts'
import type { Threads } from '../base/threads.ts'
import type { Scope } from './names.ts'

/** What somebody may do. */
export interface Permissions {
  readonly may: ReadonlySet<Scope>
  /** Undefined: of every source. */
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

/** Who may ask, and how often. */
export interface AccessOptions {
  readonly users: readonly User[]
  readonly bearerTokens: readonly BearerToken[]
  /** Undefined: nothing is limited. */
  readonly rateLimit: { readonly intervalMs: number; readonly burst: number } | undefined
  /** Headers of every response. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Names by which requests without credentials may change something. */
  readonly allowedHosts: readonly string[]
}

/** A request, as far as it matters who sent it. */
export interface Asked {
  readonly scope: Scope
  /** The source that it is about; undefined: all of them. */
  readonly source: string | undefined
  /** It is about the server, not about sources: those who may ask for some sources only may ask it too. */
  readonly isAboutServer: boolean
  readonly authorization: string | undefined
  /** What stays the same for all requests of a connection. */
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

/** Who or what was refused. */
export interface Refused {
  /** The name that was given, of a user or a token. */
  readonly name?: string | undefined
  readonly address?: string | undefined
  readonly route?: string | undefined
  readonly fault?: string | undefined
}

/** Counts and logs what is refused. */
export type ReportRefusal = (reason: Refusal, who: Refused) => void

/** Decides who may ask. */
export interface Access {
  /** Changes who may ask from the next request on, also on connections that are open. */
  configure(options: AccessOptions): void
  headers(): AccessOptions['headers']
  allowedHosts(): readonly string[]
  /** Whether anybody has to say who they are. */
  needsCredentials(): boolean
  /** What a 401 tells clients to send. */
  challenges(): string[]
  /**
   * Admits a request, at once when its connection has sent the same credentials before; or else later.
   * @throws HttpError `rate_limited`, `unauthorized`, `forbidden`, `overloaded`; so does the promise
   */
  admit(asked: Asked): Promise<void> | undefined
  /**
   * Whether {@link admit} would admit a request at once. Nothing is counted or reported; false where requests are
   * counted.
   */
  admitsAtOnce(asked: Asked): boolean
  /** Ends the threads that check passwords. */
  close(): Promise<void>
}

/** What access needs from outside. */
export interface AccessDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Threads for nothing but passwords: a slow hash must not hold up anything else. */
  readonly threads: Pick<Threads, 'run' | 'close'>
  readonly report: ReportRefusal
}

/** Somebody who has proven who they are. */
interface Asker extends Permissions {
  readonly name: string
}

/** Passwords that were right, and those that were wrong, are remembered so often. */
const MAX_REMEMBERED = 100

/** So many passwords wait to be checked, one at a time ... */
const MAX_WAITING = 32

/** ... of these so many from one address: one that tries many passwords does not keep others out. */
const MAX_WAITING_PER_ADDRESS = 4

/** After how many seconds a client should try again whose password could not be checked. */
const RETRY_AFTER_SECONDS = 1

/** Creates the decision who may ask. */
export function createAccess(first: AccessOptions, deps: AccessDeps): Access {
  const { report } = deps
  const passwords = createPasswords(deps)
  // The credentials that a connection sent last, and who sent them. Whoever compares against these has sent them.
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

  /** Who sent the same credentials on this connection before. */
  function askerOf({ connection, authorization }: Asked): Asker | undefined {
    const before = known.get(connection)
    return before?.authorization === authorization ? before?.asker : undefined
  }

  /** @throws HttpError `forbidden` */
  function assertMay(asker: Asker, asked: Asked): void {
    const { name, may, sources } = asker
    const { scope } = asked
    if (!may.has(scope)) {
      const message = `${name} may not ${scope}, but only ${[...may].join(', ')}; use other credentials, or add ${scope} to what it may do in the file of --web.config.file`
      throw refuse(new HttpError('forbidden', message), 'forbidden', name, asked)
    }
    if (sources === undefined || isWithin(sources, asked)) return
    const [first] = sources
    const message = `${name} may only ask for these sources: ${[...sources].join(', ')}; name one of them, such as /targets/${first} or ?source=${first}`
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
    // A name that nobody has may be a password in the wrong field.
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
    // Who was changed meanwhile is asked anew.
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

/** Keyed anew by each process: how long a look-up takes tells nothing that a sender could use. */
const SALT = randomBytes(32)

function byDigest({ bearerTokens }: AccessOptions): Map<string, Asker> {
  return new Map(
    bearerTokens.flatMap((entry) => entry.tokens.map((token) => [tokenDigest(token), entry] as const)),
  )
}

function tokenDigest(token: string): string {
  return createHmac('sha256', SALT).update(token).digest('base64')
}

/** The token of a header, by RFC 6750; the name of the scheme in any case, as RFC 9110 has it. */
export function bearerIn(authorization = ''): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1]
}

/** User and password of RFC 7617; undefined when it is none. */
function readBasic(authorization: string): { name: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(authorization)?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** A token bucket, as golang.org/x/time/rate has it: full at first, and one more in each interval. */
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

const JOB = { module: new URL('./password-worker.js', import.meta.url).href, name: 'comparePassword' }

/** Checks passwords, one at a time, in a thread, and remembers the last ones by a salted digest. */
function createPasswords({ threads }: Pick<AccessDeps, 'threads'>) {
  const right = new Map<string, true>()
  const wrong = new Map<string, true>()
  const checking = new Map<string, Promise<boolean>>()
  const waiting = new Map<string, number>()
  const mutex = createMutex()
  const closing = new AbortController()

  function digestOf({ name, hash, password }: Check): string {
    // With the length of the name, so that no part can pass for a piece of another; all hashes are as long.
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
    /** @throws HttpError `overloaded`, as the promise does */
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
     * A hash that no password has, for a user that does not exist, with the cost of one that does: how long the check
     * takes does not tell them apart.
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

/** So long a reason is not logged again, in milliseconds. */
const QUIET_MS = 60_000

/**
 * Creates the report of what is refused: each is counted; of each reason one a minute is logged, with the number of
 * those since the last line.
 * @param count counts one
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
