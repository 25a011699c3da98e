import t from 'tap'
import { createLineLogger } from '../../src/base/line-logger.ts'

t.test('lines are as the server writes them', async (t) => {
  const lines: string[] = []
  const log = createLineLogger('info', (line) => void lines.push(line))
  log.info({ a: 1 }, 'with details')
  log.warn('without')
  log.error({ err: new TypeError('broken') }, 'failed')
  log.fatal({ text: 'a\u009bb' }, 'hostile')
  t.match(JSON.parse(String(lines[0])), { level: 'info', time: /^\d{4}-.*Z$/, a: 1, msg: 'with details' })
  t.match(JSON.parse(String(lines[1])), { level: 'warn', msg: 'without' })
  t.match(JSON.parse(String(lines[2])), {
    err: { type: 'TypeError', message: 'broken', stack: /TypeError: broken\n/ },
  })
  t.match(lines[3], 'a\\u009bb', 'harmless to a terminal')
  t.same(JSON.parse(String(lines[3])).text, 'a\u009bb')
})

t.test('what is less severe than the level is left out', async (t) => {
  const lines: string[] = []
  const log = createLineLogger('error', (line) => void lines.push(line))
  log.info('a')
  log.warn('b')
  log.error('c')
  t.equal(lines.length, 1)
  createLineLogger('silent', (line) => void lines.push(line)).fatal('d')
  t.equal(lines.length, 1)
})
