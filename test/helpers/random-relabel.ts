import type { RelabelConfig } from '../../src/relabel/config.ts'
import { RELABEL_ACTIONS, type RelabelAction } from '../../src/relabel/defaults.ts'
import type { Random } from './random.ts'

const NAMES = ['a', 'ab', 'env', 'x_1', 'x_2', '__meta_a', '__meta_ab', '__tmp', 'job', '__address__', '_']
const WRITABLE = NAMES.filter((name) => name !== '__address__')
const PIECES = [
  'a',
  'b',
  'ab',
  'foo',
  'FOO',
  '1',
  '80',
  '-',
  '_',
  '.',
  ':',
  ';',
  '$',
  '$1',
  ' ',
  'é',
  'ß',
  'İ',
  'Σ',
  '日',
  '𐐨',
  '\\',
  '|',
  '(',
  '',
]

/** A value of a few pieces that patterns like to trip over. */
export function randomText(random: Random, pieces = PIECES): string {
  return Array.from({ length: random.int(5) }, () => random.pick(pieces)).join('')
}

/** Labels of one target; a value may be empty. A dot does not match line breaks in Prometheus 2. */
export function randomLabels(random: Random, major: 2 | 3): Record<string, string> {
  const pieces = major === 2 ? PIECES : [...PIECES, '\n']
  const names = WRITABLE.filter(() => random.once(2))
  return Object.fromEntries(names.map((name) => [name, randomText(random, pieces)]))
}

const ATOMS = [
  'a',
  'b',
  'o',
  'f',
  '1',
  '-',
  ':',
  ';',
  '.',
  '.',
  '\\.',
  '\\d',
  '\\w',
  '\\W',
  '\\pL',
  '\\p{Lu}',
  '[a-f]',
  '[^a]',
  '[^:;]',
  '[\\w.]',
  'é',
  '日',
  '𐐨',
  '\\$',
  '\\|',
  '[[:alpha:]]',
  '\\b',
  '^',
  '$',
  '\\s',
  '_',
]
const TIMES = ['', '', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{0,2}', '{1,}']

/** An RE2 expression; it may match nothing at all. */
export function randomRegex(random: Random, depth = 2): string {
  const alternatives = Array.from({ length: random.once(3) ? 2 + random.int(2) : 1 }, () =>
    Array.from({ length: random.int(4) }, () => randomPiece(random, depth)).join(''),
  )
  const regex = alternatives.join('|')
  return depth === 2 && random.once(3) ? `.*${random.once(2) ? `(${regex})` : `(?:${regex})`}(.*)` : regex
}

function randomPiece(random: Random, depth: number): string {
  const times = random.pick(TIMES)
  if (depth === 0 || !random.once(3)) return random.pick(ATOMS) + times
  const open = random.pick(['(', '(', '(?:', '(?i:', `(?P<g${random.int(1e6)}>`])
  return `${open}${randomRegex(random, depth - 1)})${times}`
}

const REFERENCES = [
  '$1',
  '${1}',
  '$2',
  '${2}',
  '$0',
  '$3',
  '$x',
  '${g}',
  '$$',
  '$',
  '${',
  '$1x',
  '${1}x',
  '$1_',
  'x',
  '-',
  'é',
  '',
]

function randomReplacement(random: Random): string {
  return Array.from({ length: 1 + random.int(3) }, () => random.pick(REFERENCES)).join('')
}

function randomName(random: Random): string {
  return random.pick(['new', 'new_$1', '${1}_x', '$1', 'm_${1}$2', ...WRITABLE])
}

/**
 * A rule that Prometheus loads.
 * @param major 2: without what Prometheus 2 does otherwise than 3 and we
 */
export function randomRule(random: Random, major: 2 | 3): RelabelConfig {
  const action = random.once(2) ? 'replace' : random.pick(RELABEL_ACTIONS)
  const written = random.once(5) ? action.toUpperCase() : action
  return {
    ...randomKeys(random, action, major),
    ...(action === 'replace' && random.once(2) ? {} : { action: written }),
  }
}

function randomKeys(random: Random, action: RelabelAction, major: 2 | 3): RelabelConfig {
  const source = {
    ...(random.once(6)
      ? {}
      : { source_labels: Array.from({ length: 1 + random.int(3) }, () => random.pick(NAMES)) }),
    ...(random.once(4) && { separator: random.pick(['', '-', ';', '::', 'é', '$1']) }),
  }
  const regex = random.once(4) ? {} : { regex: randomRegex(random) }
  const target_label = random.pick(WRITABLE)
  switch (action) {
    case 'replace': {
      const target = randomName(random)
      const text = random.once(4) ? undefined : randomReplacement(random)
      // Prometheus 2 does not delete a label whose name is a template.
      const replacement = major === 2 && target.includes('$') ? `r${text ?? ''}` : text
      return { ...source, ...regex, target_label: target, ...(replacement !== undefined && { replacement }) }
    }
    case 'keep':
    case 'drop':
      return { ...source, ...regex }
    case 'hashmod':
      return { ...source, target_label, modulus: 1 + random.int(random.pick([4, 1000, 2 ** 22, 2 ** 32])) }
    case 'keepequal':
    case 'dropequal':
      return { ...(source.source_labels && { source_labels: source.source_labels }), target_label }
    case 'labelmap':
      return {
        regex: randomNameRegex(random),
        replacement: random.pick(['$1', 'y_$1', '${1}_y', 'x_1', '${2}_$1']),
      }
    case 'labeldrop':
    case 'labelkeep':
      return { regex: action === 'labelkeep' ? `__.*|${randomNameRegex(random)}` : randomNameRegex(random) }
    case 'lowercase':
    case 'uppercase':
      return { ...source, target_label }
  }
}

function randomNameRegex(random: Random): string {
  return random.pick([
    '(a.*)',
    '__meta_(.+)',
    '(x)_(.)',
    '(?:__meta_)?(a+)(b?)',
    'env|ab',
    '(?i)(E.*)',
    'x_[12]',
    '(.)',
    '__tmp|_',
  ])
}
