/** The groups of a match, beginning with the whole match; a group that did not participate is undefined. */
export type Groups = readonly (string | undefined)[]

/** A replacement compiled against its pattern: literal text and the numbers of groups. */
export type Template = readonly (string | number)[]

/** `$$`, `${name}`, `$name`, or a single dollar sign. A name is as long as possible. */
const REFERENCE = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))?/gu

/** Go reads up to nine digits without leading zeros as a number; anything else is a name. */
const NUMBER = /^(?:0|[1-9]\d{0,8})$/

/**
 * Compiles a replacement as Go's `regexp.Expand` reads it: `$1x` is the group named `1x`, `${1}x` is group
 * 1 and an x, `$$` is a dollar sign, a reference to a missing group is empty, and a single `$` is text.
 * @param names the numbers of the pattern's named groups
 */
export function compileTemplate(text: string, names: ReadonlyMap<string, number>): Template {
  const parts: (string | number)[] = []
  let end = 0
  for (const match of text.matchAll(REFERENCE)) {
    addText(parts, text.slice(end, match.index))
    end = match.index + match[0].length
    const name = match[1] ?? match[2]
    if (name === undefined) addText(parts, '$')
    else addGroup(parts, NUMBER.test(name) ? Number(name) : names.get(name))
  }
  addText(parts, text.slice(end))
  return parts
}

function addText(parts: (string | number)[], text: string): void {
  if (text !== '') parts.push(text)
}

function addGroup(parts: (string | number)[], group: number | undefined): void {
  if (group !== undefined) parts.push(group)
}

/** Fills a template with the groups of a match. */
export function expand(template: Template, groups: Groups): string {
  let text = ''
  for (const part of template) text += typeof part === 'string' ? part : (groups[part] ?? '')
  return text
}
