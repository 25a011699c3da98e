import Type, { type Static } from 'typebox'

/** What a relabel rule can do; names ignore case in a configuration. */
export const RELABEL_ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const

export type RelabelAction = (typeof RELABEL_ACTIONS)[number]

/** What the keys of a rule mean when they are not given (Prometheus `DefaultRelabelConfig`). */
export const RELABEL_DEFAULTS = {
  action: 'replace',
  separator: ';',
  regex: '(.*)',
  replacement: '$1',
} as const

/**
 * A text as YAML gives it: Prometheus reads `replacement: 9100` and `regex: true` as texts, and a key with
 * nothing after it as the empty text, which is not the default.
 */
function text(description: string, fallback?: string, title = 'string') {
  return Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
    title,
    expects: 'a text',
    description,
    ...(fallback !== undefined && { default: fallback }),
  })
}

/** The keys of one rule in `relabel_configs`. {@link validateRelabel} checks what a schema cannot say. */
export const relabelOptions = Type.Object(
  {
    source_labels: Type.Optional(
      Type.Union([Type.Array(Type.String({ title: 'labelname' })), Type.Null()], {
        expects: 'a list of label names such as [__address__, site]',
        description: 'Labels whose values, joined by the separator, the rule works on.',
        examples: [['__address__']],
      }),
    ),
    separator: Type.Optional(
      text('Stands between the values of the source labels.', RELABEL_DEFAULTS.separator),
    ),
    target_label: Type.Optional(
      text('Label that the result is written to; replace expands references such as $1 in it.'),
    ),
    regex: Type.Optional(
      text(
        'RE2 expression that the whole joined value, or the whole label name, has to match; a dot matches line breaks too.',
        RELABEL_DEFAULTS.regex,
        'regex',
      ),
    ),
    modulus: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
        expects: `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
        description: 'Divisor of hashmod; the result is from 0 to modulus - 1.',
        examples: [4],
      }),
    ),
    replacement: Type.Optional(
      text('What is written on a match; references such as $1 are expanded.', RELABEL_DEFAULTS.replacement),
    ),
    action: Type.Optional(
      text(
        `One of ${RELABEL_ACTIONS.join(', ')}; upper and lower case are the same.`,
        RELABEL_DEFAULTS.action,
      ),
    ),
  },
  {
    additionalProperties: false,
    description: 'A rule of relabel_configs, with the meaning that Prometheus gives it.',
  },
)

/** One rule as it stands in a configuration file. */
export type RelabelConfig = Static<typeof relabelOptions>

/** One rule with its defaults filled in. The action is still unchecked. */
export interface ResolvedRelabel {
  readonly action: string
  readonly sourceLabels: readonly string[]
  readonly separator: string
  readonly regex: string
  readonly modulus: number
  readonly targetLabel: string
  readonly replacement: string
}

/** Fills in the defaults. */
export function resolveRelabel(config: RelabelConfig): ResolvedRelabel {
  return {
    action: textOr(config.action, RELABEL_DEFAULTS.action).toLowerCase(),
    sourceLabels: config.source_labels ?? [],
    separator: textOr(config.separator, RELABEL_DEFAULTS.separator),
    regex: textOr(config.regex, RELABEL_DEFAULTS.regex),
    modulus: config.modulus ?? 0,
    targetLabel: textOr(config.target_label, ''),
    replacement: textOr(config.replacement, RELABEL_DEFAULTS.replacement),
  }
}

function textOr(value: string | number | boolean | null | undefined, fallback: string): string {
  return value === undefined ? fallback : value === null ? '' : String(value)
}
