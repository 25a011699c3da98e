import t from 'tap'
import { createScope } from '../helpers/scope.ts'
import { isThorough } from '../helpers/thorough.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { besiege } from './siege.ts'

const seconds = isThorough ? 40 : 10

t.test(
  '76, 79, 86: whoever attacks, no poll fails, no device expires, and memory comes back',
  { timeout: 280_000 },
  async (t) => {
    const [prometheus, python] = [findTool('prometheus', 'PROMETHEUS'), findTool('python3')]
    if (missing(t, prometheus, 'Prometheus') || missing(t, python, 'python3')) return
    const scope = createScope()
    t.teardown(() => scope.end())
    const { violations, ...told } = await besiege(scope, {
      seconds,
      prometheus: String(prometheus),
      python: String(python),
      print: (line) => t.comment(line),
    })
    t.comment(JSON.stringify(told))
    t.same(violations.slice(0, 10), [])
    t.ok(told.polls >= seconds, `${told.polls} polls`)
    t.ok(told.heartbeats > 500, `${told.heartbeats} heartbeats`)
  },
)
