import { compareText } from '../model/labels.ts'
import type { LabelDropReason } from './rejection.ts'

/**
 * Gives each field a label name. Two fields with the same name are resolved the same way in every order: the
 * field that needed no change wins, else the first by name.
 * @param nameOf makes a label name of a field
 * @param drop called for each field that loses
 * @returns label name → field
 */
export function nameFields(
  fields: readonly string[],
  nameOf: (field: string) => string,
  drop: (reason: LabelDropReason) => void,
): Map<string, string> {
  const winners = new Map<string, string>()
  for (const field of fields) {
    const name = nameOf(field)
    const rival = winners.get(name)
    if (rival !== undefined) drop('collision')
    if (rival === undefined || beats(field, rival, name)) winners.set(name, field)
  }
  return winners
}

function beats(field: string, rival: string, name: string): boolean {
  if (rival === name) return false
  return field === name || compareText(field, rival) < 0
}
