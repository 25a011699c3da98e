import { actionsCases } from './actions.ts'
import { commonCases } from './common.ts'
import { replaceCases } from './replace.ts'
import type { RuleCase } from './rule-case.ts'

/** What Prometheus accepts and refuses at load; `relabel-load.test.ts` asks promtool too. */
export const ruleCases: readonly RuleCase[] = [...replaceCases, ...commonCases, ...actionsCases]
