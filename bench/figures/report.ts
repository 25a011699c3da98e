import { formatNumber, formatValue } from './format.ts'
import { type Figure, type Goal, isMet, ROWS, type RowId, type RowSpec } from './rows.ts'
import { spread } from './statistics.ts'
import { table } from './table.ts'

/** A row that could not be measured, and why. */
export interface Unmeasured {
  readonly id: RowId
  readonly why: string
  /** A row that needs a program that is not installed is skipped; anything else is a failure. */
  readonly skipped: boolean
}

/** What became of a run. */
export interface Verdict {
  readonly missed: readonly RowId[]
  readonly failed: readonly RowId[]
  readonly skipped: readonly RowId[]
}

/** Judges figures by their goals. */
export function judge(figures: readonly Figure[], unmeasured: readonly Unmeasured[]): Verdict {
  return {
    missed: figures.filter(({ id, value }) => !isMet(value, specOf(id).goal)).map(({ id }) => id),
    failed: unmeasured.filter(({ skipped }) => !skipped).map(({ id }) => id),
    skipped: unmeasured.filter(({ skipped }) => skipped).map(({ id }) => id),
  }
}

/** The table that people read; rows in the order of ROWS, whatever the order in which they were measured. */
export function figuresTable(figures: readonly Figure[], unmeasured: readonly Unmeasured[]): string {
  const rows = (Object.keys(ROWS) as RowId[]).flatMap((id) => {
    const spec = specOf(id)
    const figure = figures.find((one) => one.id === id)
    if (figure !== undefined) return [figureRow(spec, figure)]
    const reason = unmeasured.find((one) => one.id === id)
    return reason === undefined
      ? []
      : [[reason.skipped ? 'skipped' : 'FAILED', spec.what, '', '', reason.why]]
  })
  return table([['', 'what', 'measured', 'goal', 'rounds; absolute figures'], ...rows], [2])
}

/** The last line: whether everything is as it should be, and if not, what is not. */
export function verdictText({ missed, failed, skipped }: Verdict): string {
  const list = (ids: readonly RowId[]) => ids.map((id) => `\n  ${specOf(id).what}`).join('')
  const count = (ids: readonly RowId[], one: string, many: string) =>
    `${ids.length} ${ids.length === 1 ? one : many}:${list(ids)}`
  const lines = [
    ...(missed.length > 0 ? [count(missed, 'goal is missed', 'goals are missed')] : []),
    ...(failed.length > 0 ? [count(failed, 'row could not be measured', 'rows could not be measured')] : []),
    ...(skipped.length > 0 ? [count(skipped, 'row was skipped', 'rows were skipped')] : []),
  ]
  if (missed.length + failed.length === 0) lines.unshift('Every goal that was measured is met.')
  return lines.join('\n')
}

/** A goal in words. */
export function goalText(goal: Goal | undefined): string {
  if (goal === undefined) return ''
  return 'atLeast' in goal ? `≥ ${formatNumber(goal.atLeast)}` : `≤ ${formatNumber(goal.atMost)}`
}

/** What a row is. */
export function specOf(id: RowId): RowSpec {
  return ROWS[id]
}

function figureRow({ what, unit, goal }: RowSpec, { value, rounds, note }: Figure): string[] {
  const word = goal === undefined ? '–' : isMet(value, goal) ? 'met' : 'MISSED'
  const [least, greatest] = spread(rounds)
  const range =
    rounds.length === 1 ? [] : [`${formatNumber(least)} to ${formatNumber(greatest)} in ${rounds.length}`]
  return [word, what, formatValue(value, unit), goalText(goal), [...range, note].filter(Boolean).join('; ')]
}
