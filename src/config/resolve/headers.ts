import type { HttpHeadersConfig } from '../../sources/http/client/config.ts'
import { type HttpHeader, isToken } from '../../sources/http/headers.ts'
import { shownValue } from '../shown.ts'
import { attempt, type Context, complain, within } from './context.ts'
import { assertHeaderValue, resolveSecretFile, resolveSecretText } from './secret.ts'

const CONNECTION = 'is about the connection, which Rollcall takes care of; leave it out'

/** Headers that nobody may set, and why. */
const RESERVED: Record<string, string> = {
  authorization: 'is set by basic_auth, authorization or oauth2; use one of them',
  'proxy-authorization': 'is set by the user and password in proxy_url',
  host: "is set by the host of the url; leave it out (for another certificate's name there is tls_config.server_name)",
  'accept-encoding': 'says what Rollcall can unpack; leave it out',
  'content-encoding': 'would be wrong: the body is sent as it is; leave it out',
  'content-length': 'follows from the body; leave it out',
  'if-none-match': 'is set when the inventory gave an ETag; leave it out',
  'if-modified-since': 'is set when the inventory gave a date; leave it out',
  'www-authenticate': 'is what a server answers; leave it out',
  'proxy-authenticate': 'is what a proxy answers; leave it out',
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
export function resolveHeaders(config: HttpHeadersConfig = {}, context: Context): HttpHeader[] {
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

function assertName(name: string): void {
  if (!isToken(name)) {
    throw new Error(`${shownValue(name)} is not the name of a header; use letters, digits and "-"`)
  }
  const reason = RESERVED[name.toLowerCase()]
  if (reason !== undefined) throw new Error(reason)
}
