import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'
import { nodeCommand } from '../helpers/node.ts'

const MODULE = resolve('build/src/base/logger.js')

/** What a terminal, or a reader of lines, would obey. */
const ODD = 'line\nbreak \r\u001b[31m \u009b31m \u0085 \u2028 \u202e'

/** Logs a line in a process of its own, since the logger writes to standard error. */
function logged(level: string, format: string) {
  const script = `import { createLogger } from ${JSON.stringify(MODULE)}
const ODD = ${JSON.stringify(ODD)}
const log = await createLogger(${JSON.stringify(level)}, ${JSON.stringify(format)})
log.info({ host: ODD, error: ODD, sample: { detail: ODD, [ODD]: [ODD] } }, 'told')
log.debug('not told')`
  const [command, ...args] = nodeCommand()
  return spawnSync(command, [...args, '--input-type=module', '-e', script], { encoding: 'utf8' })
}

/** Control characters, other line breaks, and marks that turn text around. */
const OBEYED = /\p{Cc}|[\u2028\u2029\u202e]/u

t.test('53: JSON lines go to standard error, one per event, whatever the data holds', async (t) => {
  for (const format of ['json', 'auto']) {
    const { stdout, stderr } = logged('info', format)
    t.equal(stdout, '')
    t.equal(stderr.split('\n').length, 2, stderr)
    t.notMatch(stderr.trimEnd(), OBEYED)
    t.match(JSON.parse(stderr), {
      level: 'info',
      time: /^\d{4}-.*Z$/,
      host: ODD,
      error: ODD,
      sample: { detail: ODD, [ODD]: [ODD] },
      msg: 'told',
    })
  }
})

t.test('53: pretty lines stay single lines', async (t) => {
  const { stderr } = logged('info', 'pretty')
  t.equal(stderr.split('\n').length, 2, stderr)
  t.match(stderr, /INFO.*: told/)
  t.notMatch(stderr.trimEnd(), OBEYED)
  t.match(stderr, String.raw`\nbreak`)
})

t.test('the level decides what is told', async (t) => {
  t.equal(logged('warn', 'json').stderr, '')
  t.match(logged('debug', 'json').stderr, /not told/)
})
