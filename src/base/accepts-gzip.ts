import { memo } from './memo.ts'

/**
 * Whether an `Accept-Encoding` header allows gzip (RFC 9110 section 12.5.3). False without a header, since
 * such a client expects the plain body.
 */
export function acceptsGzip(header: string | undefined): boolean {
  return header !== undefined && allowsGzip(header)
}

/** A server has few different clients, and parsing takes a fortieth of a request (npm run bench). */
const MAX_REMEMBERED = 16

const allowsGzip = memo((header) => {
  const weights = new Map(
    header.split(',').map((part) => {
      const [coding = '', ...parameters] = part.toLowerCase().split(';')
      const q = parameters
        .map((parameter) => parameter.trim())
        .find((parameter) => parameter.startsWith('q='))
      return [coding.trim(), q === undefined ? 1 : Number(q.slice(2))] as const
    }),
  )
  const weight = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0
  return weight > 0
}, MAX_REMEMBERED)
