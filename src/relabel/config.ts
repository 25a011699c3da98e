import Type, { type Static } from 'typebox'
import { RELABEL_ACTIONS, RELABEL_DEFAULTS } from './defaults.ts'

/**
 * A text in YAML: Prometheus reads `replacement: 9100` and `regex: true` as texts, and a key without a value as the empty
 * text, which is not the default.
 */
function text(description: string, fallback?: string, title = 'string') {
  return Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
    title,
    expects: 'a text',
    description,
    ...(fallback !== undefined && { default: fallback }),
  })
}

/** The keys of one rule in `relabel_configs`. {@link validateRelabel} checks what a schema cannot. */
export const relabelSchema = Type.Object(
  {
    source_labels: Type.Optional(
      Type.Union([Type.Array(Type.String({ title: 'labelname' })), Type.Null()], {
        expects: 'a list of label names such as [__address__, site]',
        description: 'Labels whose values, joined by the separator, are the input of the rule.',
        examples: [['__address__']],
      }),
    ),
    separator: Type.Optional(
      text('Separator between the values of the source labels.', RELABEL_DEFAULTS.separator),
    ),
    target_label: Type.Optional(
      text('Label that the result is written to; replace expands references such as $1 in it.'),
    ),
    regex: Type.Optional(
      text(
        'RE2 expression that must match the whole joined value, or the whole label name. A dot also matches line breaks.',
        RELABEL_DEFAULTS.regex,
        'regex',
      ),
    ),
    modulus: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: 2 ** 64 }), Type.Null()], {
        expects: 'a whole number from 1 to 18446744073709551615',
        description: 'Divisor of hashmod; the result is from 0 to modulus - 1.',
        examples: [4],
      }),
    ),
    replacement: Type.Optional(
      text('Replacement on a match. References such as $1 are expanded.', RELABEL_DEFAULTS.replacement),
    ),
    action: Type.Optional(
      text(`One of ${RELABEL_ACTIONS.join(', ')}, in any case.`, RELABEL_DEFAULTS.action),
    ),
  },
  {
    additionalProperties: false,
    description: 'A rule of relabel_configs, as in Prometheus.',
  },
)

/** One rule as written in a configuration file; a modulus that is too large for a number is a text. */
export type RelabelConfig = Omit<Static<typeof relabelSchema>, 'modulus'> & {
  readonly modulus?: number | string | null
}
