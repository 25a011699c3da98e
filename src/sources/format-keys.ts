import Type from 'typebox'
import { ENCODINGS, FORMATS } from '../pipeline/decode.ts'

const NAMES = Object.keys(FORMATS)

/** The keys for the format of documents. */
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
          'Delimiter of CSV values. By default that of a line sep=; or the most frequent one of comma, semicolon, tab and | in the first line.',
        examples: [';'],
      }),
    ),
    columns: Type.Optional(
      Type.Array(Type.String({ minLength: 1, expects: 'the name of a column' }), {
        minItems: 1,
        expects: 'a list of names such as [ip, name]',
        description: 'Column names, for CSV without a header row.',
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
            description: 'Encoding of the text, if it has no byte order mark. latin1 includes Windows-1252.',
          },
        ),
      ),
    ),
  }
}
