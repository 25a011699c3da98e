// Fails when tests miss a line of src/, or more than four branches in a thousand: one may be such that only a
// race takes, and chance must not fail a test run. To be run after tap.
import { readFileSync } from 'node:fs'

const LEAST = { lines: 100, functions: 100, branches: 99.6 }

const { total } = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8'))
const missed = Object.entries(LEAST).filter(([kind, least]) => !(total[kind].pct >= least))
for (const [kind, least] of missed)
  console.error(
    `coverage: ${total[kind].pct} % of ${kind}, and it must be ${least} %; the table above says where`,
  )
if (missed.length > 0) process.exit(1)
