import Type from 'typebox'
import { FORMATS } from '../pipeline/decode.ts'

const NAMES = Object.keys(FORMATS)

/** The keys that say how documents are written. */
export function formatKeys(description: string, fallback?: keyof typeof FORMATS) {
  return {
    format: Type.Optional(
      Type.Unsafe<keyof typeof FORMATS>(
        Type.Union(
          NAMES.map((name) => Type.Literal(name)),
          {
            expects: `one of ${NAMES.join(', ')}`,
            description,
            ...(fallback === undefined ? { examples: ['csv'] } : { default: fallback }),
          },
        ),
      ),
    ),
    csv_delimiter: Type.Optional(
      Type.String({
        pattern: '^[^"\\r\\n]$',
        expects: 'one character such as ";" or "\\t", and no quote or line break',
        default: ',',
        description: 'What stands between the values of CSV.',
        examples: [';'],
      }),
    ),
  }
}
