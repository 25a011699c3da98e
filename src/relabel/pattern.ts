import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'
import { messageOf } from '../base/errors.ts'
import { memo } from '../base/memo.ts'
import { compileNative } from './native-pattern.ts'
import { compileTemplate, expand, type Groups, type Template } from './template.ts'

// Loaded when a rule first needs it, to save memory in servers without rules. Rules are compiled synchronously, so a
// dynamic import cannot be used.
const load = createRequire(import.meta.url)
const re2js = () => load('re2js') as typeof import('re2js')

/**
 * A `regex` of a rule, anchored at both ends, with a dot that matches line breaks too: RE2's `^(?s:…)$`. Plain words are
 * compared, simple expressions run natively, and all others run on RE2; the results are the same.
 */
export interface Pattern {
  test(text: string): boolean
  /** The groups of the match, or null when there is none. */
  match(text: string): Groups | null
  /** Go's `ReplaceAllString`, or null when there is no match. */
  replaceAll(text: string, template: Template): string | null
  /** Compiles a replacement that refers to the groups of this pattern. */
  template(text: string): Template
}

/** Compiles an expression in which {@link patternFault} finds no fault. */
export function compilePattern(source: string): Pattern {
  const words = source.split('|')
  return words.every(isPlain) ? wordPattern(new Set(words)) : (nativePattern(source) ?? re2Pattern(source))
}

/** Why RE2 refuses an expression, and the part that is wrong; undefined when RE2 accepts it. */
export function patternFault(source: string): { reason: string; at: string } | undefined {
  try {
    compileRe2(source)
    return undefined
  } catch (error) {
    /* c8 ignore next -- RE2 throws nothing else that is known; if it does, the rule is still refused */
    if (!(error instanceof re2js().RE2JSSyntaxException)) return { reason: messageOf(error), at: source }
    // RE2 quotes the expression with anchors that the user did not write.
    const at = String(error.getPattern())
      .replace(/^\^\(\?s:/, '')
      .replace(/\)\$$/, '')
    return { reason: error.getDescription(), at: source.includes(at) ? at : source }
  }
}

function isPlain(word: string): boolean {
  return !/[\\^$.|?*+()[\]{}]/.test(word)
}

function wordPattern(words: ReadonlySet<string>): Pattern {
  const match = (text: string) => (words.has(text) ? [text] : null)
  return wholePattern((text) => words.has(text), match)
}

function nativePattern(source: string): Pattern | undefined {
  const native = compileNative(source)
  if (native === undefined) return undefined
  const { regex, maxLength } = native
  const re2 = lazy(() => re2Pattern(source))
  return wholePattern(
    (text) => (text.length <= maxLength ? regex.test(text) : re2().test(text)),
    (text) => (text.length <= maxLength ? regex.exec(text) : re2().match(text)),
  )
}

/** A pattern without named groups whose match is always the whole text. */
function wholePattern(test: Pattern['test'], match: Pattern['match']): Pattern {
  return {
    test,
    match,
    replaceAll(text, template) {
      const groups = match(text)
      return groups === null ? null : expand(template, groups)
    },
    template: (text) => compileTemplate(text, new Map()),
  }
}

function re2Pattern(source: string): Pattern {
  const re2 = compileRe2(source)
  const names = new Map(Object.entries(re2.namedGroups()))
  return {
    test: memo((text) => re2.test(text)),
    match: memo((text) => {
      const matcher = re2.matcher(text)
      return matcher.find() ? groupsOf(matcher) : null
    }),
    replaceAll: (text, template) => replaceAll(re2, text, template),
    template: (text) => compileTemplate(text, names),
  }
}

type Matcher = ReturnType<RE2JS['matcher']>

function groupsOf(matcher: Matcher): Groups {
  return Array.from({ length: matcher.groupCount() + 1 }, (_, group) => matcher.group(group) ?? undefined)
}

/** The loop of Go. An expression such as `a)|(?:b` escapes its anchors, so a match can be a part of the text. */
function replaceAll(re2: RE2JS, text: string, template: Template): string | null {
  const matcher = re2.matcher(text)
  let replaced: string | null = null
  let end = 0
  while (matcher.find()) {
    replaced = (replaced ?? '') + text.slice(end, matcher.start())
    // An empty match directly after another match does not count.
    if (matcher.end() > end || matcher.start() === 0) replaced += expand(template, groupsOf(matcher))
    end = matcher.end()
  }
  return replaced === null ? null : replaced + text.slice(end)
}

function compileRe2(source: string): RE2JS {
  return re2js().RE2JS.compile(`^(?s:${source})$`)
}

function lazy<Value>(create: () => Value): () => Value {
  let value: Value | undefined
  return () => {
    value ??= create()
    return value
  }
}
