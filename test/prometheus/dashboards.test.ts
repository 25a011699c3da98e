import t from 'tap'
import { DASHBOARDS, type Dashboard, type Panel, queriesOf } from '../helpers/dashboards.ts'
import { selectorsOf } from '../helpers/promql.ts'

// The rules of Grafana's dashboard-linter; the comments name them.

/** Those of Grafana's units that fit what is measured. */
const UNITS = ['short', 'percentunit', 's', 'bytes', 'Bps', 'ops', 'reqps']

const panelsOf = ({ panels }: Dashboard) => panels.filter(({ type }) => type !== 'row')

for (const dashboard of DASHBOARDS) {
  t.test(dashboard.file, async (t) => {
    const variables = dashboard.templating.list
    const variable = (name: string) => variables.find((one) => one.name === name)

    t.test('has its data source, cluster, job and instances to choose', async (t) => {
      // template-datasource-rule
      t.match(variable('datasource'), { type: 'datasource', query: 'prometheus', label: 'Data source' })
      // template-job-rule, template-instance-rule
      for (const [name, label] of [
        ['job', 'Job'],
        ['instance', 'Instance'],
      ] as const) {
        t.match(variable(name), { type: 'query', label, multi: true, allValue: '.+' })
      }
      // multi-cluster rules; the label need not be there
      t.match(variable('cluster'), { type: 'query', label: 'Cluster', multi: true, allValue: '.*' })
      for (const { name, type, refresh, datasource } of variables) {
        if (type !== 'query') continue
        t.equal(refresh, 2, `${name} is read again when the time range changes`) // template-on-time-change-reload-rule
        t.equal(datasource?.uid, '${datasource}')
      }
      const text = JSON.stringify(dashboard.panels) + JSON.stringify(variables.map(({ query }) => query))
      for (const { name } of variables) t.match(text, `$${name === 'datasource' ? '{datasource}' : name}`)
    })

    t.test('cannot be changed where the next update would undo it', async (t) => {
      t.equal(dashboard.editable, false) // uneditable-dashboard
      t.match(dashboard.uid, /^rollcall-[a-z]+$/)
      t.ok(dashboard.title.startsWith('Rollcall / ') && dashboard.description !== '')
    })

    t.test('has panels that say what they show, and in which unit', async (t) => {
      t.ok(panelsOf(dashboard).length >= 10)
      for (const panel of panelsOf(dashboard)) {
        // panel-title-description-rule, panel-units-rule, panel-datasource-rule, panel-no-targets-rule
        t.ok(panel.title !== '' && panel.description !== '' && panel.description?.endsWith('.'), panel.title)
        t.ok(UNITS.includes(panel.fieldConfig?.defaults.unit ?? ''), `${panel.title}: its unit`)
        t.equal(panel.datasource?.uid, '${datasource}', panel.title)
        for (const target of panel.targets ?? []) t.equal(target.datasource.uid, '${datasource}', panel.title)
        const ids = (panel.targets ?? []).map(({ refId }) => refId)
        t.ok(ids.length > 0 && new Set(ids).size === ids.length, `${panel.title}: its queries`)
      }
      const titles = panelsOf(dashboard).map(({ title }) => title)
      t.equal(new Set(titles).size, titles.length)
    })

    t.test('has queries that keep to the chosen cluster, job and instances', async (t) => {
      for (const { panel, expr } of queriesOf(dashboard)) {
        const selectors = selectorsOf(expr)
        t.ok(selectors.length > 0, `${panel.title}: ${expr}`)
        for (const { metric, matchers, range, within } of selectors) {
          const what = `${panel.title}: ${metric} in ${expr}`
          // target-job-rule, target-instance-rule
          for (const name of ['cluster', 'job', 'instance'])
            t.ok(matchers.includes(`${name}=~"$${name}"`), `${name}: ${what}`)
          // target-rate-interval-rule, target-counter-agg-rule
          if (range !== undefined) t.equal(range, '$__rate_interval', what)
          if (metric.endsWith('_total')) t.match(within, /^(rate|irate|increase)$/, what)
          if (metric.endsWith('_bucket')) t.match(expr, /histogram_quantile\(/, what)
        }
      }
    })

    t.test('has a place of its own for every panel', async (t) => {
      const { panels } = dashboard
      t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
      for (const [index, one] of panels.entries()) {
        t.ok(one.gridPos.x + one.gridPos.w <= 24, one.title)
        const below = panels.slice(index + 1).filter((other) => overlap(one, other))
        t.same(below, [], one.title)
      }
    })
  })
}

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

t.test('there are three dashboards, with names of their own', async (t) => {
  t.same(
    DASHBOARDS.map(({ uid }) => uid),
    ['rollcall-devices', 'rollcall-discovery', 'rollcall-fleet'],
  )
})

t.test('what these rules look at is found in an expression', async (t) => {
  const expr =
    '1 - sum by (le) (rate(a_bucket{job=~"$job", le="0.5"}[5m])) / on (job) group_left max(b_total) unless c offset 1h'
  t.same(selectorsOf(expr), [
    { metric: 'a_bucket', matchers: ['job=~"$job"', 'le="0.5"'], range: '5m', within: 'rate' },
    { metric: 'b_total', matchers: [], range: undefined, within: 'max' },
    { metric: 'c', matchers: [], range: undefined, within: undefined },
  ])
})
