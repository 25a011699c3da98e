/** The actions of relabel rules; a configuration can write them in any case. */
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

/** The defaults of the keys of a rule (Prometheus `DefaultRelabelConfig`). */
export const RELABEL_DEFAULTS = {
  action: 'replace',
  separator: ';',
  regex: '(.*)',
  replacement: '$1',
} as const
