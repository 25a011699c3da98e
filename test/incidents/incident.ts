import type { Test } from 'tap'
import { until } from '../helpers/until.ts'

/** What an operator has to be told within ten seconds. */
const PATIENCE = { timeoutMs: 10_000, everyMs: 100 }

/** Something that went wrong, and the one question that names its cause. */
export interface Incident {
  readonly name: string
  /** Where the question is put. */
  readonly url: string
  /** What is asked for, such as `/api/v1/explain?q=a`, or the value of `q` alone. */
  readonly ask: string
  /** What names the cause: codes, places and values, all of them. */
  readonly names: readonly (RegExp | string)[]
}

/** Puts the question of an incident until the answer names the cause, for ten seconds at most. */
export async function assertNamed(t: Test, { name, url, ask, names }: Incident): Promise<void> {
  const path = ask.startsWith('/') ? ask : `/api/v1/explain?q=${encodeURIComponent(ask)}`
  let answer = ''
  const missing = () => names.filter((one) => !isIn(answer, one)).map(String)
  await until(
    name,
    async () => {
      answer = textOf(await (await fetch(url + path)).json())
      return missing().length === 0
    },
    PATIENCE,
  ).catch(() => t.comment(`${name}: ${answer.slice(0, 4_000)}`))
  t.same(missing(), [], name)
}

function isIn(text: string, wanted: RegExp | string): boolean {
  return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)
}

/** All texts of an answer, without the escapes of JSON. */
function textOf(answer: unknown): string {
  if (typeof answer === 'string') return answer
  if (typeof answer !== 'object' || answer === null) return String(answer)
  return Object.entries(answer)
    .map(([key, value]) => `${key}: ${textOf(value)}`)
    .join('\n')
}
