import { dirname, resolve } from 'node:path'
import { messageOf, UsageError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { shownValue } from '../base/printable.ts'
import type { Path, Problem } from '../sources/resolving.ts'
import type { AccessOptions, BearerToken, Permissions, User } from '../web/access.ts'
import type { WebConfig } from '../web/config.ts'
import { SCOPES, type Scope } from '../web/names.ts'
import { assertTls, type TlsOptions } from '../web/tls.ts'
import type { LoadWebFile, WebFile } from '../web/web.ts'
import { type ConfigDocument, parseConfigDocument } from './document.ts'
import { validate } from './validate.ts'
import webSchema from './web-schema.json' with { type: 'json' }

/** The context in which the keys are resolved; problems are collected. */
interface Resolving {
  readonly files: Pick<Files, 'read'>
  readonly folder: string
  readonly problems: Problem[]
  readonly textAt: (path: Path) => string | undefined
}

/** Large enough for the certificates of very many authorities. */
const MAX_FILE_BYTES = 16 * 2 ** 20

const DEADLINE_MS = 5_000

/**
 * Creates the loader of a web configuration file: the format of exporter-toolkit 0.15, with more keys (`webSchema`).
 * @param path of the file
 * @param allowedHosts names that are allowed in addition to those of the file
 * @returns a function that throws a UsageError with one line `file:line:column: key: …` for each problem
 */
export function webFileLoader(path: string, allowedHosts: readonly string[] = []): LoadWebFile {
  return async (files) => {
    const { document, faults } = await parseFile(path, files)
    const problems: Problem[] = []
    const resolving = { files, folder: dirname(resolve(path)), problems, textAt: document.text }
    const file = await resolveFile(withoutFaults(document.value, faults), resolving, allowedHosts)
    const all = [...faults, ...problems.filter((problem) => isProven(problem, faults))]
    if (all.length > 0) throw faultsOf(all, document)
    return file
  }
}

/**
 * Reads a web configuration file, but none of the files that it names.
 * @throws UsageError, as the loader does
 */
export async function readWebFile(path: string, files: Pick<Files, 'read'>): Promise<ConfigDocument> {
  const { document, faults } = await parseFile(path, files)
  if (faults.length > 0) throw faultsOf(faults, document)
  return document
}

/** @throws UsageError when it cannot be read, or is not YAML */
async function parseFile(
  path: string,
  files: Pick<Files, 'read'>,
): Promise<{ document: ConfigDocument; faults: Problem[] }> {
  const document = parseConfigDocument(await readText(path, files), path)
  if ('syntax' in document) throw new UsageError(document.syntax)
  const value = document.value ?? {}
  return { document: { ...document, value }, faults: validate(webSchema, value) }
}

/** A copy without what has a fault, so that the rest can be checked too: of TLS the keys, otherwise the whole part. */
function withoutFaults(value: unknown, faults: readonly Problem[]): WebConfig {
  const config = structuredClone(value) as Record<string, Record<string, unknown>>
  for (const { path } of faults) {
    const [part = '', key = ''] = path
    if (part === TLS) delete config[part]?.[key]
    else delete config[part]
  }
  return config
}

const TLS = 'tls_server_config'

/** Whether a problem is one although parts with faults were left out: of TLS, only that a file cannot be read. */
function isProven({ path }: Problem, faults: readonly Problem[]): boolean {
  const isWhole = path[0] !== TLS || faults.every((fault) => fault.path[0] !== TLS)
  return isWhole || String(path[1]).endsWith('_file')
}

function faultsOf(problems: readonly Problem[], document: ConfigDocument): UsageError {
  return new UsageError(problems.map((problem) => document.describe(problem)).join('\n'))
}

async function readText(path: string, files: Pick<Files, 'read'>): Promise<string> {
  const wrong = (why: string) => new UsageError(`--web.config.file: ${path} cannot be read: ${why}`)
  const bytes = await files
    .read(path, { maxBytes: MAX_FILE_BYTES, deadlineMs: DEADLINE_MS })
    .catch((error) => {
      throw wrong(messageOf(error))
    })
  if (bytes === undefined) throw wrong('ENOENT: no such file or directory')
  return bytes.toString()
}

async function resolveFile(
  config: WebConfig,
  resolving: Resolving,
  allowedHosts: readonly string[],
): Promise<WebFile> {
  const http2 = config.http_server_config?.http2 ?? true
  const [tls, bearerTokens] = await Promise.all([
    resolveTls(config, http2, resolving),
    Promise.all((config.bearer_tokens ?? []).map((_, index) => resolveToken(config, index, resolving))),
  ])
  assertDistinct(bearerTokens, resolving)
  for (const name of Object.keys(config.basic_auth_users ?? {})) {
    if (!name.includes(':')) continue
    const message =
      'a user name cannot contain a colon, which ends the name in basic authentication (RFC 7617); remove it'
    resolving.problems.push({ path: ['basic_auth_users', name], message, atKey: true })
  }
  const access: AccessOptions = {
    users: Object.entries(config.basic_auth_users ?? {}).map(resolveUser),
    bearerTokens,
    rateLimit: resolveRateLimit(config, resolving),
    headers: Object.entries(config.http_server_config?.headers ?? {}).map(([name, value]) => [
      name,
      // As written: a number is sent with its digits.
      resolving.textAt(['http_server_config', 'headers', name]) ?? String(value),
    ]),
    allowedHosts: [...allowedHosts, ...(config.allowed_hosts ?? [])],
  }
  return { tls, http2, access }
}

type TlsConfig = NonNullable<WebConfig['tls_server_config']>

async function resolveTls(
  { tls_server_config: config }: WebConfig,
  http2: boolean,
  resolving: Resolving,
): Promise<TlsOptions | undefined> {
  if (config === undefined || isWithoutTls(config)) return undefined
  const { problems } = resolving
  const cert = await readPem('cert', config, resolving)
  const key = await readPem('key', config, resolving)
  const clientCa = await readPem('client_ca', config, resolving)
  if (problems.length > 0) return undefined
  const tls = {
    cert,
    key,
    clientCa,
    clientAuthType: config.client_auth_type || 'NoClientCert',
    clientAllowedSans: config.client_allowed_sans,
    minVersion: config.min_version ?? 'TLS12',
    maxVersion: config.max_version ?? 'TLS13',
    cipherSuites: config.cipher_suites ?? [],
    curves: config.curve_preferences ?? [],
    preferServerCipherSuites: config.prefer_server_cipher_suites ?? true,
    // The schema has checked the names.
  } as TlsOptions
  const fault = tlsFault(tls, config) ?? unusable(tls, http2, config)
  if (fault === undefined) return tls
  const { key: at, message } = fault
  problems.push({ path: ['tls_server_config', ...(at === undefined ? [] : [at])], message })
  return undefined
}

type Pem = 'cert' | 'key' | 'client_ca'

/** The key that is used: the file, when both are set. */
function keyOf(pem: Pem, config: TlsConfig): string {
  return (config[`${pem}_file`] ?? '') === '' ? pem : `${pem}_file`
}

async function readPem(pem: Pem, config: TlsConfig, resolving: Resolving): Promise<string | undefined> {
  const key = keyOf(pem, config)
  const value = config[key as keyof TlsConfig] as string | undefined
  if (value === undefined || value === '') return undefined
  return key === pem ? value : readNamed(value, ['tls_server_config', key], resolving)
}

interface Fault {
  /** The key with the fault; undefined: a key is missing. */
  readonly key?: string
  readonly message: string
}

/** The first setting that is missing, or conflicts with another one. */
function tlsFault(tls: TlsOptions, config: TlsConfig): Fault | undefined {
  const { clientAuthType, minVersion, maxVersion } = tls
  if (tls.cert === undefined) return { message: 'has no certificate; add cert_file: … or cert: …' }
  if (tls.key === undefined) return { message: 'has no private key; add key_file: … or key: …' }
  if (minVersion > maxVersion)
    return { key: 'max_version', message: `${maxVersion} is older than min_version, ${minVersion}; raise it` }
  if (clientAuthType !== 'NoClientCert') return undefined
  const message = 'has no effect without client_auth_type; add client_auth_type: RequireAndVerifyClientCert'
  if (tls.clientCa !== undefined) return { key: keyOf('client_ca', config), message }
  return tls.clientAllowedSans === undefined ? undefined : { key: 'client_allowed_sans', message }
}

/** Why certificates, key or settings cannot be used, with the message of OpenSSL. */
function unusable(tls: TlsOptions, http2: boolean, config: TlsConfig): Fault | undefined {
  try {
    assertTls(tls, http2)
    return undefined
  } catch (error) {
    return { key: keyOf('cert', config), message: `TLS cannot be used: ${messageOf(error)}` }
  }
}

/** As in exporter-toolkit: without these keys, or with all of them empty, the server uses plain HTTP. */
function isWithoutTls(config: TlsConfig): boolean {
  const { cert, key, client_ca, cert_file, key_file, client_ca_file, client_auth_type } = config
  const said = [cert, key, client_ca, cert_file, key_file, client_ca_file, client_auth_type]
  return said.every((value) => value === undefined || value === '')
}

/** Reads a file that a key names; an error becomes a problem. */
async function readNamed(file: string, path: Path, resolving: Resolving): Promise<string | undefined> {
  const full = resolve(resolving.folder, file)
  try {
    const bytes = await resolving.files.read(full, { maxBytes: MAX_FILE_BYTES, deadlineMs: DEADLINE_MS })
    if (bytes !== undefined) return bytes.toString()
    resolving.problems.push({ path, message: `${full} cannot be read: ENOENT: no such file or directory` })
  } catch (error) {
    resolving.problems.push({ path, message: `${full} cannot be read: ${messageOf(error)}` })
  }
  return undefined
}

type UserConfig = NonNullable<WebConfig['basic_auth_users']>[string]

function resolveUser([name, user]: [name: string, UserConfig]): User {
  if (typeof user === 'string') return { name, hash: user, ...permissionsOf({}, SCOPES) }
  return { name, hash: user.hash, ...permissionsOf(user, SCOPES) }
}

function permissionsOf(
  { may, sources }: { may?: readonly string[]; sources?: readonly string[] },
  byDefault: readonly Scope[],
): Permissions {
  return {
    may: new Set((may as Scope[] | undefined) ?? byDefault),
    sources: sources === undefined ? undefined : new Set(sources),
  }
}

/** Shorter tokens can be guessed, because attempts with tokens are not slowed down. */
const MIN_TOKEN_LENGTH = 16

async function resolveToken(config: WebConfig, index: number, resolving: Resolving): Promise<BearerToken> {
  const entry = config.bearer_tokens?.[index] as NonNullable<WebConfig['bearer_tokens']>[number]
  const path = ['bearer_tokens', index, 'token_file']
  const text = await readNamed(entry.token_file, path, resolving)
  const lines = (text ?? '').split('\n').map((line) => line.trim())
  const tokens = lines.filter((line) => line !== '')
  const complain = (message: string) =>
    void resolving.problems.push({ path, message: `${shownValue(entry.token_file)} ${message}` })
  if (text !== undefined && tokens.length === 0) complain('has no token; write one on each line')
  const wrong = lines.findIndex((line) => line !== '' && !/^[\x21-\x7e]+$/.test(line))
  const short = lines.findIndex((line) => line !== '' && line.length < MIN_TOKEN_LENGTH)
  if (wrong !== -1)
    complain(
      `has a character in line ${wrong + 1} that is not valid in a token; write one token on each line`,
    )
  else if (short !== -1)
    complain(
      `has a token in line ${short + 1} of fewer than ${MIN_TOKEN_LENGTH} characters; create one with: openssl rand -hex 32`,
    )
  return { name: entry.name, tokens, ...permissionsOf(entry, ['read']) }
}

/** Refuses a token in two entries: its permissions would be ambiguous. */
function assertDistinct(entries: readonly BearerToken[], { problems }: Resolving): void {
  const owners = new Map<string, number>()
  entries.forEach(({ tokens }, index) => {
    for (const token of tokens) {
      const before = owners.get(token)
      if (before !== undefined && before !== index) {
        const message = `has a token that bearer_tokens[${before}] has too; give each entry its own`
        problems.push({ path: ['bearer_tokens', index, 'token_file'], message })
        return
      }
      owners.set(token, index)
    }
  })
}

/** Milliseconds in each unit of a duration of Go. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

function resolveRateLimit(
  { rate_limit: limit }: WebConfig,
  { problems }: Resolving,
): AccessOptions['rateLimit'] {
  const intervalMs = parseGoDuration(limit?.interval ?? 0)
  if (intervalMs === undefined) {
    const message = `${shownValue(limit?.interval)} is not a duration; write one such as 100ms or 1s`
    problems.push({ path: ['rate_limit', 'interval'], message })
  }
  return intervalMs === undefined || intervalMs === 0 ? undefined : { intervalMs, burst: limit?.burst ?? 0 }
}

/** Reads `1m30s` as Go does, or a number of nanoseconds; in milliseconds. */
function parseGoDuration(value: number | string): number | undefined {
  if (typeof value === 'number') return value * 1e-6
  if (value === '0') return 0
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(value)) return undefined
  const parts = value.matchAll(/(?<![\d.])([\d.]+)(ns|us|µs|ms|s|m|h)/g)
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[String(unit)] as number), 0)
}
