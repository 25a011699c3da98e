import type { ClientResponse } from '../client/client.ts'

/** The token response of an OAuth 2 server (RFC 6749 sections 5.1 and 5.2); missing fields are undefined. */
export interface TokenAnswer {
  readonly accessToken: string | undefined
  readonly type: string | undefined
  /** Milliseconds. */
  readonly expiresInMs: number | undefined
  readonly error: string | undefined
  readonly description: string | undefined
}

/** Reads a token response: JSON, or a form, which some servers send. Any other response has no fields. */
export function parseTokenAnswer(headers: ClientResponse['headers'], body: Buffer): TokenAnswer {
  const [mediaType = ''] = String(headers['content-type'] ?? '').split(';')
  const isForm = ['application/x-www-form-urlencoded', 'text/plain'].includes(mediaType.trim().toLowerCase())
  const text = body.toString('utf8')
  const fields = isForm ? Object.fromEntries(new URLSearchParams(text)) : parseJson(text)
  // At least one server writes the number as a text.
  const seconds = Number(fields.expires_in ?? 0)
  return {
    accessToken: textOf(fields.access_token),
    type: textOf(fields.token_type),
    expiresInMs: seconds > 0 ? seconds * 1000 : undefined,
    error: textOf(fields.error),
    description: textOf(fields.error_description),
  }
}

/** The first word of the Authorization header, written as Go writes it. */
export function authorizationType(tokenType = 'bearer'): string {
  const usual: Record<string, string> = { bearer: 'Bearer', mac: 'MAC', basic: 'Basic' }
  return usual[tokenType.toLowerCase()] ?? tokenType
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) }
  } catch {
    return {}
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
