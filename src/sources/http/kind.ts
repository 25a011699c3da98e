import { shownValue } from '../../base/printable.ts'
import { Secret } from '../../base/secret.ts'
import type { Format } from '../../model/document.ts'
import type { Json } from '../../model/record.ts'
import {
  attempt,
  type Context,
  complain,
  concealedInPath,
  expandEnv,
  expandUrl,
  readSize,
  refuseCsvKeys,
  resolveSecretFile,
  resolveSecretText,
  within,
} from '../resolving.ts'
import type { Kind } from '../source.ts'
import { resolveAuthorization } from './authorization/styles.ts'
import type { HttpClientConfig, HttpHeadersConfig } from './client/config.ts'
import { resolveProxy, resolveTls } from './client/resolve.ts'
import type { HttpConfig } from './config.ts'
import { assertHeaderValue, type HttpHeader, isToken } from './headers.ts'
import { type Beside, resolveLogin } from './login/resolve.ts'
import { JSON_TYPE } from './pagination/place.ts'
import { resolvePagination } from './pagination/resolve.ts'
import type { HttpClientOptions, RequestBody } from './requester.ts'
import { createHttpSource, DEFAULT_MAX_RESPONSE_BYTES, type HttpSourceOptions, urlsOf } from './source.ts'
import type { WatchOptions } from './watch.ts'

/** An inventory behind HTTP. */
export const http: Kind<HttpConfig, HttpSourceOptions> = {
  resolve: (config, { complete = false }, context) => resolveHttp(config, complete, within(context, 'http')),
  create: createHttpSource,
  placesOf: (options) => urlsOf(options).map((url) => [placeOf(url), options.method, options.body]),
}

/** The largest response that can be configured: Node.js 20 has no larger buffers. */
const MAX_RESPONSE_BYTES = 4 * 2 ** 30

/** The place of a URL, without user and password. */
export function placeOf({ origin, pathname, search }: URL): string {
  return origin + pathname + search
}

/**
 * Resolves the keys of `http:`.
 * @param isComplete whether each response is known to be the complete inventory
 * @param context at these keys
 */
export function resolveHttp(http: HttpConfig, isComplete: boolean, context: Context): HttpSourceOptions {
  const size = http.max_response_size
  const urls = resolveUrls(http, context)
  const [url, ...standbys] = urls
  return {
    kind: 'http',
    // Undefined only if there is a problem; then the result is not used.
    url: url as URL,
    standbys: standbys.length === 0 ? undefined : standbys,
    ...resolveRequest(http, isComplete, context),
    format: resolveFormat(http, context),
    maxResponseBytes:
      size === undefined
        ? DEFAULT_MAX_RESPONSE_BYTES
        : attempt(context, ['max_response_size'], () => readSize(size, MAX_RESPONSE_BYTES)),
    watch: resolveWatch(http, context),
    login: http.login && resolveLogin(http.login, besideLogin(http, urls), within(context, 'login')),
    ...resolveHttpClient(http, urls, context),
  }
}

function besideLogin(http: HttpConfig, urls: readonly (URL | undefined)[]): Beside {
  const { authorization, basic_auth: basic, oauth2, http_headers: headers = {} } = http
  const isNamed = urls.some((url) => url !== undefined && url.username + url.password !== '')
  return {
    isAuthorized: isNamed || [authorization, basic, oauth2].some((style) => style !== undefined),
    names: Object.keys(headers).map((name) => name.toLowerCase()),
    resolveHeaders,
    assertHeader: (name) => void (name.toLowerCase() === 'authorization' || assertName(name)),
    textOf: (body, { env }) => resolveBody(body, env).text,
  }
}

/** Resolves the URLs of the inventory: `url`, or `urls`. */
function resolveUrls({ url, urls = [] }: Pick<HttpConfig, 'url' | 'urls'>, context: Context): URL[] {
  if (url !== undefined && urls.length > 0) {
    complain(context, ['urls'], 'cannot be combined with url; leave one of them out', { atKey: true })
  } else if (url === undefined && urls.length === 0) {
    complain(context, [], 'has no URL of the inventory; add url')
  }
  if (url !== undefined) return [attempt(context, ['url'], () => expandUrl(url, context.env))]
  return urls.map((one, index) => {
    const read = attempt(context, ['urls', index], () => expandUrl(one, context.env))
    if (urls.indexOf(one) !== index) complain(context, ['urls', index], 'is a duplicate; leave one out')
    return read
  })
}

/** Resolves `watch`. A POST may change something, and the first of many pages has no position of the whole list. */
function resolveWatch(
  { watch, method, pagination }: Pick<HttpConfig, 'watch' | 'method' | 'pagination'>,
  context: Context,
): WatchOptions | undefined {
  if (watch === undefined) return undefined
  if (method === 'POST' || pagination !== undefined) {
    const key = method === 'POST' ? 'method: POST' : 'pagination'
    complain(context, ['watch'], `cannot be used with ${key}; leave one out`, { atKey: true })
  }
  attempt(within(context, 'watch'), ['header'], () => assertToken(watch.header))
  return { header: watch.header.toLowerCase(), parameter: watch.parameter }
}

/** Resolves the request and its pagination. */
function resolveRequest(
  http: Pick<HttpConfig, 'method' | 'body' | 'pagination'>,
  isComplete: boolean,
  context: Context,
): Pick<HttpSourceOptions, 'method' | 'body' | 'pagination'> {
  const { method = 'GET', body, pagination } = http
  if (body !== undefined && method === 'GET') {
    complain(context, ['body'], 'cannot be sent with GET; add method: POST', { atKey: true })
  }
  const sent =
    body === undefined ? undefined : attempt(context, ['body'], () => resolveBody(body, context.env))
  const json = sent && parseJson(sent.text)
  return {
    method,
    body: sent,
    pagination:
      pagination && resolvePagination(pagination, { body: json, isComplete }, within(context, 'pagination')),
  }
}

type FormatConfig = Pick<HttpConfig, 'format' | 'csv_delimiter' | 'columns' | 'encoding'>

/** Resolves the format of the response. */
function resolveFormat(config: FormatConfig, context: Context): Format {
  const { format = 'json', csv_delimiter: delimiter, columns, encoding } = config
  if (format !== 'csv') refuseCsvKeys(config, 'has no effect without format: csv', context)
  return { kind: format, delimiter, columns, encoding }
}

/** A text is sent unchanged, JSON or not; anything else is sent as JSON. Both can contain environment variables. */
function resolveBody(body: NonNullable<HttpConfig['body']>, env: Context['env']): RequestBody {
  const expanded = expandTexts(body, env)
  const text = typeof expanded === 'string' ? expanded : JSON.stringify(expanded)
  return { text, contentType: parseJson(text) === undefined ? 'text/plain' : JSON_TYPE }
}

function expandTexts(value: unknown, env: Context['env']): unknown {
  if (typeof value === 'string') return expandEnv(value, env)
  if (Array.isArray(value)) return value.map((one) => expandTexts(one, env))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, expandTexts(one, env)]))
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** The keys that all sources over HTTP share. */
type WithClient = HttpClientConfig & Pick<HttpConfig, 'url' | 'urls'>

/**
 * Resolves the keys of Prometheus's HTTP client.
 * @param urls resolved already; undefined when invalid
 */
export function resolveHttpClient(
  http: WithClient,
  urls: readonly (URL | undefined)[],
  context: Context,
): HttpClientOptions {
  return {
    followRedirects: http.follow_redirects ?? true,
    authorization: resolveAuthorization(http, urls, context),
    headers: resolveHeaders(http.http_headers, within(context, 'http_headers')),
    tls: resolveTls(http.tls_config, within(context, 'tls_config')),
    proxy: resolveProxy(http, context),
    concealed: [http.url ?? '', ...(http.urls ?? []), http.oauth2?.token_url ?? '']
      .flatMap((text) => concealedInPath(text, context.env))
      .map((value) => Secret.of(value)),
  }
}

const CONNECTION = 'controls the connection, which Rollcall manages; leave it out'

/** Headers that cannot be configured, and why. */
const RESERVED: Record<string, string> = {
  authorization: 'is set by basic_auth, authorization or oauth2; use one of them',
  'proxy-authorization': 'is set by the user and password in proxy_url',
  host: 'is set by the host of the url; leave it out (for another name in the certificate, set tls_config.server_name)',
  'accept-encoding': 'is set to what Rollcall can decompress; leave it out',
  'content-encoding': 'would be wrong: the body is sent uncompressed; leave it out',
  'content-length': 'is set from the body; leave it out',
  'if-none-match': 'is set when the inventory gave an ETag; leave it out',
  'if-modified-since': 'is set when the inventory gave a date; leave it out',
  'www-authenticate': 'is a header of responses; leave it out',
  'proxy-authenticate': 'is a header of responses of a proxy; leave it out',
  connection: CONNECTION,
  'keep-alive': CONNECTION,
  'proxy-connection': CONNECTION,
  'transfer-encoding': CONNECTION,
  expect: CONNECTION,
  te: CONNECTION,
  trailer: CONNECTION,
  upgrade: CONNECTION,
}

/** Resolves `http_headers`. */
function resolveHeaders(config: HttpHeadersConfig = {}, context: Context): HttpHeader[] {
  const names = Object.keys(config).map((name) => name.toLowerCase())
  return Object.entries(config).map(([name, header], index) => {
    const here = within(context, name)
    const first = names.indexOf(name.toLowerCase())
    if (first !== index) {
      complain(here, [], 'is the same header as one above; write its values there', { atKey: true })
    }
    attempt(here, [], () => assertName(name), { atKey: true })
    return { name: name.toLowerCase(), values: resolveValues(header, here) }
  })
}

function resolveValues(header: HttpHeadersConfig[string], context: Context): HttpHeader['values'] {
  const texts = (['values', 'secrets'] as const).flatMap((key) =>
    (header[key] ?? []).map((text, index) =>
      resolveSecretText(text, [key, index], context, assertHeaderValue),
    ),
  )
  const files = (header.files ?? []).map((path, index) =>
    resolveSecretFile(path, ['files', index], context, assertHeaderValue),
  )
  const values = [...texts, ...files]
  if (values.length === 0) complain(context, [], 'has no value; add one to values, secrets or files')
  return values
}

function assertToken(name: string): void {
  if (isToken(name)) return
  throw new Error(`${shownValue(name)} is not the name of a header; use letters, digits and "-"`)
}

function assertName(name: string): void {
  assertToken(name)
  const reason = RESERVED[name.toLowerCase()]
  if (reason !== undefined) throw new Error(reason)
}
