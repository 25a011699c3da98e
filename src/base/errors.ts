/**
 * The catalogue of HTTP errors: code → status and meaning. Every JSON error is `{"error":{"code","message"}}`
 * with one of these codes.
 */
export const HTTP_ERRORS = {
  bad_request: { status: 400, meaning: 'The request is malformed: a bad path, header, parameter or body.' },
  unauthorized: {
    status: 401,
    meaning: 'The credentials are missing or wrong: of --web.config.file, or the token of a push source.',
  },
  wrong_device: {
    status: 403,
    meaning: 'The token is that of another device; it registers its own id only.',
  },
  forbidden: { status: 403, meaning: 'The user or token lacks the scope, or has it for other sources only.' },
  cross_site: {
    status: 403,
    meaning: 'A browser sent a request that changes something from a page of another site.',
  },
  wrong_host: {
    status: 403,
    meaning: 'A request that changes something has a Host that is not this server.',
  },
  explain_disabled: { status: 403, meaning: 'Explanations are off (--web.disable-explain).' },
  lifecycle_disabled: {
    status: 403,
    meaning: 'A POST /-/… endpoint, or /api/v1/backup, without --web.enable-lifecycle.',
  },
  not_found: { status: 404, meaning: 'No such path.' },
  source_not_found: { status: 404, meaning: 'No source of this name is configured.' },
  no_push_source: {
    status: 404,
    meaning: 'The source is not a push source, so that devices cannot register with it.',
  },
  label_not_found: {
    status: 404,
    meaning: 'No target of the list has this label.',
  },
  method_not_allowed: { status: 405, meaning: 'The path exists, but not with this method; see Allow.' },
  request_timeout: { status: 408, meaning: 'The request did not arrive completely in time.' },
  not_held: { status: 409, meaning: 'No targets with this digest are held.' },
  nothing_to_reload: {
    status: 409,
    meaning: 'Rollcall runs without a configuration file; flags and variables are read at its start only.',
  },
  payload_too_large: { status: 413, meaning: 'The request body is larger than the limit.' },
  unsupported_media_type: {
    status: 415,
    meaning: 'The type or encoding of the request body is not supported.',
  },
  rate_limited: { status: 429, meaning: 'More requests than rate_limit of --web.config.file allows.' },
  too_many_instances: {
    status: 429,
    meaning: 'The push source, or the token, has reached its limit of instances; see Retry-After.',
  },
  too_many_bytes: {
    status: 429,
    meaning: 'The registrations of the push source, or of the token, have reached their limit of bytes.',
  },
  headers_too_large: { status: 431, meaning: 'The request headers are larger than 16 KiB.' },
  internal: { status: 500, meaning: 'A defect in Rollcall; the log has the details.' },
  reload_failed: { status: 500, meaning: 'The configuration has a mistake; the old one stays in use.' },
  refresh_failed: { status: 502, meaning: 'The requested refresh failed; the last good list stays.' },
  not_loaded: { status: 503, meaning: 'A source has no list yet; a partial list is never sent.' },
  cut_off: {
    status: 503,
    meaning: 'This replica reaches neither an inventory nor the store of the cluster; other replicas may.',
  },
  token_unreadable: { status: 503, meaning: 'The file with the token of a push source cannot be read.' },
  storage_unavailable: {
    status: 503,
    meaning: 'The registration could not be written to disk; an earlier one of the device stays.',
  },
  history_unavailable: {
    status: 503,
    meaning: 'The history of targets cannot be read from the disk.',
  },
  backup_unavailable: {
    status: 503,
    meaning: 'A complete or signed backup cannot be made; a partial one is never sent.',
  },
  view_emptied: {
    status: 503,
    meaning:
      'A view of a list had targets when it was last requested and has none now; an empty list is not served yet.',
  },
  stale: {
    status: 503,
    meaning:
      'The list is older than the max_staleness of its source, or (on /ready only) than --web.ready-max-age.',
  },
  draining: { status: 503, meaning: 'The server is stopping (on /ready only).' },
  overloaded: { status: 503, meaning: 'Too much load on the process; try again after Retry-After.' },
} as const satisfies Record<string, { status: number; meaning: string }>

export type HttpErrorCode = keyof typeof HTTP_ERRORS

/** An error for an HTTP response. `retryAfterSeconds` becomes the `Retry-After` header. */
export class HttpError extends Error {
  readonly code: HttpErrorCode
  readonly statusCode: number
  readonly retryAfterSeconds: number | undefined

  constructor(code: HttpErrorCode, message: string, retryAfterSeconds?: number) {
    super(message)
    this.name = 'HttpError'
    this.code = code
    this.statusCode = HTTP_ERRORS[code].status
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The Retry-After of requests that are refused for lack of capacity, in seconds. */
const OVERLOADED_RETRY_SECONDS = 5

/** Makes the error for a request that is refused because of too much load. */
export function overloaded(why: string): HttpError {
  return new HttpError('overloaded', `${why}; try again`, OVERLOADED_RETRY_SECONDS)
}

/**
 * The reasons why a refresh can fail: the values of the `reason` label of
 * `rollcall_source_refresh_failures_total`, and their meanings.
 */
export const REFRESH_FAILURES = {
  connect: 'the connection was refused or the host is unreachable',
  dns: 'the host name does not resolve',
  tls: 'the TLS handshake or certificate check failed',
  timeout:
    'the inventory did not respond completely before the deadline, or the list was not computed before its own',
  reset: 'the connection broke in the middle of the answer',
  auth: 'the inventory answered 401 or 403, a proxy 407, or no OAuth 2 token could be obtained',
  login_failed: 'the login of the inventory was refused, or gave no token or cookie',
  rate_limited: 'the inventory answered 429',
  http_status: 'the inventory answered with a status other than 200 or 206',
  redirect:
    'a redirect without a usable location, too many redirects, or one that would send a request body elsewhere',
  too_large: 'the answer is larger than the limit',
  file: 'a file of the inventory, or one that holds a secret, cannot be read',
  command: 'a program could not be started, did not end with exit status 0, or left processes behind',
  pagination:
    'a page repeats, points to another origin or is beyond max_pages, or the pages that were read show that there are more',
  parse: 'the answer is not valid in its format or encoding, such as JSON in UTF-8',
  shape: 'no list of records was found in the answer',
  refused: 'the answer itself reports a failure, by a usual sign or by fail_if',
  all_rejected: 'there are records, but none makes a target',
  too_few: 'there are fewer targets than guard.min_expected',
  settling: 'not all registrations are known: earlier ones, or those that other replicas took',
  local:
    'an obstacle on this machine: no file descriptors or memory are left, or this process lacks a permission',
  out_of_memory: 'computing the list needs more memory than its limit',
  internal: 'a defect in Rollcall',
} as const

export type RefreshFailureReason = keyof typeof REFRESH_FAILURES

/** A refresh that failed as a whole: the state of the inventory is unknown, so nothing changes. */
export class RefreshError extends Error {
  readonly reason: RefreshFailureReason
  /** The delay that the inventory asked for in `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** The status of a response without a list. */
  readonly status: number | undefined
  /** The joined list that the error is about; undefined: the records themselves. */
  readonly join: string | undefined

  constructor(
    reason: RefreshFailureReason,
    message: string,
    details: {
      cause?: unknown
      retryAfterMs?: number | undefined
      status?: number | undefined
      join?: string | undefined
    } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'RefreshError'
    this.reason = reason
    this.retryAfterMs = details.retryAfterMs
    this.status = details.status
    this.join = details.join
  }
}

/** The user asked for something impossible: printed as one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The environment does not allow it (for example, the port is in use): printed as one line, exit code 1. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Exhausted resources by platform error code, with advice. */
const EXHAUSTED: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptors left; raise its limit (ulimit -n, or LimitNOFILE of systemd)',
  ENFILE: 'this machine has no file descriptors left; raise its limit (fs.file-max)',
  ENOMEM: 'this machine, or the container, has no memory left',
}

/** Other obstacles on this machine, with advice. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  EACCES:
    'this process may not do that; check its user, and what restricts it (file modes, SELinux, a firewall)',
  EPERM: 'this process may not do that; check its user, and what restricts it (SELinux, seccomp, a firewall)',
  // Node.js also reports this for an installed package if it has no file descriptor left to open it.
  ERR_MODULE_NOT_FOUND:
    'the installation is incomplete, or this process has no file descriptors left; raise its limit (ulimit -n, or LimitNOFILE of systemd)',
}

/** Faults of a disk. */
const DISK: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full, or has no inodes left',
  EDQUOT: 'the quota of the user is used up',
  EROFS: 'the file system is read-only',
}

/** Paths of the wrong kind. */
const WRONG_KIND: Readonly<Record<string, string>> = {
  EISDIR: 'this is a folder; name a file',
}

const ADVICE = { ...EXHAUSTED, ...FORBIDDEN, ...DISK, ...WRONG_KIND }

/** The failure reason of a refresh that cannot read a file. */
export function fileReason(error: unknown): 'local' | 'file' {
  return Object.hasOwn(EXHAUSTED, codeOf(error)) ? 'local' : 'file'
}

/** Whether an obstacle on this machine, rather than the remote side, prevents a connection. */
export function isLocal(error: unknown): boolean {
  const code = codeOf(error)
  return Object.hasOwn(EXHAUSTED, code) || Object.hasOwn(FORBIDDEN, code)
}

/** The error code of the platform or a library; empty if there is none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined | null)?.code
  return typeof code === 'string' ? code : ''
}

/** The message of any thrown value, in one line; for an obstacle on this machine or a folder, with advice. */
export function messageOf(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n')
  const text =
    lines.length === 1
      ? String(lines[0])
      : lines
          .map((line) => line.trim())
          .filter(Boolean)
          .join(' ')
  const advice = ADVICE[codeOf(error) as keyof typeof ADVICE]
  return advice === undefined || text.includes(advice) ? text : `${text}; ${advice}`
}

/** Converts any thrown value; an unknown error is a defect. */
export function asRefreshError(thrown: unknown): RefreshError {
  if (thrown instanceof RefreshError) return thrown
  return new RefreshError('internal', messageOf(thrown), { cause: thrown })
}
