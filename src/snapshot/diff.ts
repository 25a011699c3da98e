import type { Labels } from '../model/labels.ts'
import { type EncodedGroup, type Lines, labelsIn, parseLine } from './lines.ts'

/** What decides where a target is scraped, beside its address; other labels may change without a new target. */
const PLACE_LABEL = /^__(?:scheme__|metrics_path__|param_)/

/** What must follow the address of a target for two that Prometheus scrapes alike to be the same text. */
export function placeOf(labels: Labels): string {
  const place = labels.filter(([name]) => PLACE_LABEL.test(name))
  return place.length === 0 ? '' : ` ${JSON.stringify(place)}`
}

/**
 * How one list differs from the one before. A target is what Prometheus would scrape: address, scheme, path and
 * parameters. A hundred devices behind one exporter's address are a hundred targets, and one that moves to another
 * site, or stands in two groups, is still the same.
 */
export interface Diff {
  readonly added: ReadonlySet<string>
  readonly removed: ReadonlySet<string>
}

/**
 * Compares two lists. Groups that are written alike are not even decoded unless something joined or left, so that
 * it costs little to find that nothing did.
 */
export function diffLists(before: Lines, after: Lines): Diff {
  const { onlyBefore, onlyAfter, both } = compareLines(before, after)
  const left = new Set<string>()
  const joined = new Set<string>()
  const later = new Map(onlyAfter.map((line) => [labelsIn(line), line]))
  for (const line of onlyBefore) {
    const now = later.get(labelsIn(line))
    later.delete(labelsIn(line))
    diffGroups(parseLine(line), now === undefined ? undefined : parseLine(now), left, joined)
  }
  for (const line of later.values()) diffGroups(undefined, parseLine(line), left, joined)
  // What only went from one group to another neither left nor joined, nor what is in a second group all the time.
  const removed = without(left, joined)
  const added = without(joined, left)
  forget([removed], onlyAfter)
  forget([added], onlyBefore)
  forget([removed, added], both)
  return { added, removed }
}

/** Counts the different targets of a list, and stops when there are enough. */
export function countTargets(lines: Lines, enough: number): number {
  const targets = new Set<string>()
  for (const line of lines) {
    if (targets.size >= enough) break
    for (const target of targetsOf(parseLine(line))) targets.add(target)
  }
  return targets.size
}

/** The lines that only one of two lists has, and those that both have; in any order. */
function compareLines(before: Lines, after: Lines) {
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  const left = new Set(before.slice(start))
  const both = after.slice(0, start)
  const onlyAfter: string[] = []
  for (const line of after.slice(start)) (left.delete(line) ? both : onlyAfter).push(line)
  return { onlyBefore: [...left], onlyAfter, both }
}

/** The targets of a group, each with its place. */
function targetsOf({ targets, labels }: EncodedGroup): readonly string[] {
  const place = placeOf(Object.entries(labels))
  return place === '' ? targets : targets.map((target) => target + place)
}

/** Notes what left and what joined a group; the targets of both are sorted. */
function diffGroups(
  before: EncodedGroup | undefined,
  after: EncodedGroup | undefined,
  left: Set<string>,
  joined: Set<string>,
): void {
  const old = before === undefined ? [] : targetsOf(before)
  const fresh = after === undefined ? [] : targetsOf(after)
  let at = 0
  for (const target of old) {
    while (at < fresh.length && (fresh[at] as string) < target) joined.add(fresh[at++] as string)
    if (fresh[at] === target) at++
    else left.add(target)
  }
  while (at < fresh.length) joined.add(fresh[at++] as string)
}

function without(targets: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> {
  return new Set([...targets].filter((target) => !others.has(target)))
}

/** Takes what is anywhere in a list out of sets. */
function forget(sets: readonly Set<string>[], lines: Lines): void {
  for (const line of lines) {
    const wanted = sets.filter(({ size }) => size > 0)
    if (wanted.length === 0) return
    for (const target of targetsOf(parseLine(line))) for (const set of wanted) set.delete(target)
  }
}
