import t from 'tap'
import { start } from '../helpers/cli.ts'
import { freePort } from '../helpers/prometheus.ts'
import { alertsOf, LOKI_RULES } from '../helpers/rules.ts'
import { until } from '../helpers/until.ts'

/** The filters that follow `| json`: which fields are read, and what they must be. */
function filtersOf(expr: string) {
  const [, stream, fields = '', filters = ''] =
    /\{([^}]*)\} \| json ([\w, ]+?) \| (.*?) \[\d+m\]/.exec(expr) ?? []
  return { stream, fields: fields.split(', '), message: /msg="([^"]*)"/.exec(filters)?.[1], filters }
}

t.test('the rules for logs ask for lines and fields that Rollcall writes', async (t) => {
  const nobody = await freePort()
  const rollcall = await start(t, [], { INVENTORY_URL: `http://127.0.0.1:${nobody}/inventory` })
  t.equal((await fetch(`${rollcall.url}/targets`)).status, 503)
  const lines = () => {
    const whole = rollcall.err().split('\n').slice(0, -1)
    return whole.map((line) => JSON.parse(line) as Record<string, unknown>)
  }
  for (const { alert, expr } of alertsOf([LOKI_RULES])) {
    const { stream, fields, message, filters } = filtersOf(expr)
    t.equal(stream, 'app="rollcall"', alert)
    const line = await until(`a line ${message}`, () => lines().find(({ msg }) => msg === message))
    for (const field of fields) t.ok(field in line, `${alert}: ${field} in ${JSON.stringify(line)}`)
    const by = [...expr.matchAll(/by \(app(?:, (\w+))?\)/g)].flatMap(([, label]) => label ?? [])
    const used = [...by, ...[...filters.matchAll(/(\w+) ?(?:>=|=)/g)].map(([, field]) => field as string)]
    t.same([...new Set(used)].sort(), [...fields].sort(), `${alert} reads the fields that it uses`)
  }
  t.match(
    lines().find(({ msg }) => msg === 'request failed'),
    { level: 'warn', route: '/targets', status: 503, code: 'not_loaded' },
  )
  t.match(
    lines().find(({ msg }) => msg === 'refresh failed'),
    { level: 'warn', source: 'inventory', reason: 'connect' },
  )
})
