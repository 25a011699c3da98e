import { memo } from '../base/memo.ts'
import { hashmod } from '../model/hashmod.ts'
import type { RelabelAction } from './defaults.ts'
import { type Draft, read, retain, write } from './draft.ts'
import { toLower, toUpper } from './letter-case.ts'
import type { ResolvedRelabel } from './options.ts'
import { compilePattern } from './pattern.ts'
import { expand, type Template } from './template.ts'

/** Applies one rule to a draft; false when it drops the target. */
export type Apply = (draft: Draft) => boolean

/** The compiler of each action. */
export const ACTIONS: Readonly<
  Record<RelabelAction, (rule: ResolvedRelabel, isName: (name: string) => boolean) => Apply>
> = {
  replace: compileReplace,
  keep: (rule) => compileFilter(rule, true),
  drop: (rule) => compileFilter(rule, false),
  keepequal: (rule) => compileEqual(rule, true),
  dropequal: (rule) => compileEqual(rule, false),
  hashmod: (rule) => compileWrite(rule, (value) => String(hashmod(value, rule.modulus))),
  labelmap: compileLabelMap,
  labeldrop: (rule) => compileLabelFilter(rule, false),
  labelkeep: (rule) => compileLabelFilter(rule, true),
  lowercase: (rule) => compileWrite(rule, toLower),
  uppercase: (rule) => compileWrite(rule, toUpper),
}

/** Reads the source labels, joined by the separator. */
function compileSource({ sourceLabels, separator }: ResolvedRelabel): (draft: Draft) => string {
  const [first, ...rest] = sourceLabels
  if (first === undefined) return () => ''
  if (rest.length === 0) return (draft) => read(draft, first)
  return (draft) => {
    let text = read(draft, first)
    for (const name of rest) text += separator + read(draft, name)
    return text
  }
}

function compileFilter(rule: ResolvedRelabel, keep: boolean): Apply {
  const source = compileSource(rule)
  const pattern = compilePattern(rule.regex)
  return (draft) => pattern.test(source(draft)) === keep
}

function compileEqual(rule: ResolvedRelabel, keep: boolean): Apply {
  const source = compileSource(rule)
  return (draft) => (source(draft) === read(draft, rule.targetLabel)) === keep
}

function compileWrite(rule: ResolvedRelabel, compute: (value: string) => string): Apply {
  const source = compileSource(rule)
  return (draft) => {
    write(draft, rule.targetLabel, compute(source(draft)))
    return true
  }
}

function compileReplace(rule: ResolvedRelabel, isName: (name: string) => boolean): Apply {
  const source = compileSource(rule)
  const pattern = compilePattern(rule.regex)
  const target = pattern.template(rule.targetLabel)
  const replacement = pattern.template(rule.replacement)
  const fixedTarget = fixedText(target)
  const fixedReplacement = fixedText(replacement)
  if (fixedTarget !== undefined && fixedReplacement !== undefined) {
    return (draft) => {
      if (pattern.test(source(draft))) write(draft, fixedTarget, fixedReplacement)
      return true
    }
  }
  return (draft) => {
    const groups = pattern.match(source(draft))
    if (groups === null) return true
    const name = fixedTarget ?? expand(target, groups)
    if (fixedTarget !== undefined || isName(name)) write(draft, name, expand(replacement, groups))
    return true
  }
}

/** The text of a template without references to groups; undefined when it has some. */
function fixedText(template: Template): string | undefined {
  if (template.length === 0) return ''
  return template.length === 1 && typeof template[0] === 'string' ? template[0] : undefined
}

function compileLabelMap(rule: ResolvedRelabel): Apply {
  const pattern = compilePattern(rule.regex)
  const template = pattern.template(rule.replacement)
  const rename = memo((name) => pattern.replaceAll(name, template))
  return (draft) => {
    // The labels before this rule, in the order of their names: if two get the same name, the last one wins.
    for (const [name, value] of draft.owned ? draft.pairs.slice() : draft.pairs) {
      const renamed = rename(name)
      if (renamed !== null) write(draft, renamed, value)
    }
    return true
  }
}

function compileLabelFilter(rule: ResolvedRelabel, keep: boolean): Apply {
  const pattern = compilePattern(rule.regex)
  const wanted = (name: string) => pattern.test(name) === keep
  return (draft) => {
    retain(draft, wanted)
    return true
  }
}
