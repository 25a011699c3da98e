import Type from 'typebox'
import { ENCODINGS, FORMATS } from '../pipeline/decode.ts'

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
        description:
          'What stands between the values of CSV; by default what a line sep=; says, or the one of comma, semicolon, tab and | that its first line has most of.',
        examples: [';'],
      }),
    ),
    columns: Type.Optional(
      Type.Array(Type.String({ minLength: 1, expects: 'the name of a column' }), {
        minItems: 1,
        expects: 'a list of names such as [ip, name]',
        description: 'The names of the columns of CSV whose first row does not name them.',
        examples: [['ip', 'name']],
      }),
    ),
    encoding: Type.Optional(
      Type.Unsafe<(typeof ENCODINGS)[number]>(
        Type.Union(
          ENCODINGS.map((name) => Type.Literal(name)),
          {
            expects: `one of ${ENCODINGS.join(', ')}`,
            default: 'utf-8',
            description:
              'How the text is coded, where no mark at its beginning says so. latin1 is Windows-1252 too.',
          },
        ),
      ),
    ),
  }
}
