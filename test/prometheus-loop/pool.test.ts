import t from 'tap'
import { RefreshError } from '../../src/base/errors.ts'
import { askedBy, notAskedFor } from '../../src/model/asked.ts'
import { hashmod } from '../../src/model/hashmod.ts'
import { changesBy, droppedWhy, placeIn, poolsOf } from '../../src/prometheus/pool.ts'
import { readScrapeConfigs } from '../../src/prometheus/scrape-config.ts'

const config = (url: string, more = '') => `
scrape_configs:
- job_name: node
  metrics_path: /m
  params: { module: [x, y], none: [] }
  http_sd_configs:
  - url: ${url}
${more}
- job_name: static
  static_configs: [{ targets: [a] }]
- http_sd_configs: [{ url: nameless }]
- null
`

t.test('the jobs of a configuration that discover over HTTP are read', async (t) => {
  const { jobs, hasMore } = readScrapeConfigs(config('http://rollcall:8080/targets'))
  t.notOk(hasMore)
  t.same(jobs, [
    {
      name: 'node',
      urls: ['http://rollcall:8080/targets'],
      place: { __scheme__: 'http', __metrics_path__: '/m', __param_module: 'x' },
      relabelConfigs: [],
      honorsLabels: false,
    },
  ])
  t.match(readScrapeConfigs('scrape_config_files: [a.yml]'), { jobs: [], hasMore: true })
  for (const text of ['', '[]', 'scrape_configs: 7', 'text']) t.same(readScrapeConfigs(text).jobs, [], text)
  for (const text of ['a: [', '--- 1\n--- 2', 'a: &x [1]\nb: [*x, *x]'])
    t.throws(
      () => readScrapeConfigs(text),
      new RefreshError('parse', 'the configuration of the server is not valid YAML'),
      text,
    )
})

t.test('a pool is ours by the path that it asks for', async (t) => {
  const ours: [url: string, external: string | undefined, asked: object | undefined][] = [
    ['http://r:1/targets', undefined, { url: '/targets', source: undefined }],
    ['http://r:1/targets/', undefined, { url: '/targets/' }],
    ['https://u:p@r/targets/devices', undefined, { url: '/targets/devices', source: 'devices' }],
    ['http://r/targets?shard=1/3', undefined, { url: '/targets?shard=1/3', shard: { index: 1, count: 3 } }],
    ['http://r/targets?shard=1/0', undefined, { shard: undefined }],
    ['http://r/targets?label.site=a', undefined, { labels: [['site', 'a']] }],
    ['http://r/roll/targets', 'http://r/roll/', { url: '/targets' }],
    ['http://r/targets', 'http://r/roll/', { url: '/targets' }],
    ['http://r/roll/targets', undefined, undefined],
    ['http://r/target', undefined, undefined],
    ['http://r/targets/a/b', undefined, undefined],
    ['no url', undefined, undefined],
  ]
  for (const [url, external, asked] of ours)
    t.match(askedBy(url, external === undefined ? undefined : new URL(external)), asked ?? undefined, url)
  t.equal(askedBy('http://r/target', undefined), undefined)
})

t.test('of several names of Rollcall that of --web.external-url decides, if a job has it', async (t) => {
  const text = `
scrape_configs:
- { job_name: ours, http_sd_configs: [{ url: "http://roll.example/targets" }] }
- { job_name: theirs, http_sd_configs: [{ url: "http://other.example/targets" }] }
`
  const names = (external?: string) =>
    poolsOf(readScrapeConfigs(text), external === undefined ? undefined : new URL(external)).map(
      ({ name }) => name,
    )
  t.same(names(), ['ours', 'theirs'])
  t.same(names('http://roll.example'), ['ours'])
  t.same(names('https://public.example'), ['ours', 'theirs'])
})

t.test('what a URL does not ask for is told', async (t) => {
  const target = { source: 'a', address: 'x:1', labels: { site: 'b' } }
  const shard = hashmod('x:1', 2)
  const why = (query: string) => notAskedFor(askedBy(`http://r/${query}`, undefined) as never, target)
  t.equal(why('targets'), undefined)
  t.equal(why('targets/a'), undefined)
  t.equal(why(`targets?shard=${shard}/2`), undefined)
  t.equal(why('targets?label.site=b'), undefined)
  t.match(why('targets/b'), /asks only for \/targets\/b/)
  t.match(
    why(`targets?shard=${1 - shard}/2`),
    `another shard (/targets?shard=${1 - shard}/2); the target is in ${shard}/2`,
  )
  t.match(why('targets?label.site=c'), /another view .*; the target has site="b"/)
  t.match(why('targets?label.rack=c'), /another view .*; the target has no rack/)
})

t.test('the place of a target is what its pool does not give every target', async (t) => {
  const place = { __scheme__: 'http', __metrics_path__: '/metrics' }
  t.equal(placeIn({ site: 'a', __metrics_path__: '/metrics', __scheme__: 'http' }, place), '')
  t.equal(placeIn({ __scheme__: 'https' }, place), '\t__scheme__=https')
  const both = placeIn({ __scheme__: 'https', __param_b: '1', __param_a: '' }, place)
  t.equal(both, placeIn({ __param_b: '1', __scheme__: 'https', site: 'x' }, place))
})

t.test('the rule that drops a target is told, where that can be', async (t) => {
  const [pool] = poolsOf(
    readScrapeConfigs(
      config(
        'http://r/targets',
        '  relabel_configs:\n  - { target_label: x, replacement: y }\n  - { source_labels: [site], regex: b, action: drop }\n  - { source_labels: [], regex: never, action: keep }\n',
      ),
    ),
    undefined,
  )
  if (pool === undefined) throw new Error('there is no pool')
  t.match(droppedWhy(pool, { site: 'b' }), /rule 2 \(drop on site\) of pool node/)
  t.match(droppedWhy(pool, { site: 'c' }), /rule 3 \(keep\) of pool node/)
  const kept = { ...pool, rules: pool.rules?.slice(0, 2) }
  t.match(droppedWhy(kept, { site: 'c', empty: '' }), /pool node; which one is unknown/)
  const [other] = poolsOf(
    readScrapeConfigs(config('http://r/targets', '  relabel_configs: [{ action: graphite, regex: [1] }]')),
    undefined,
  )
  t.match(droppedWhy(other as never, {}), /pool node; which one is unknown/)
})

t.test('of rules with keys that only vmagent knows nothing is told', async (t) => {
  const rules = `
  relabel_configs:
  - { if: '{site="b"}', action: drop }
  - { if: '{site="c"}', target_label: site, replacement: x }
`
  const [pool] = poolsOf(readScrapeConfigs(config('http://r/targets', rules)), undefined)
  t.match(droppedWhy(pool as never, { site: 'b' }), /pool node; which one is unknown/)
  t.same(changesBy(pool as never, { source: 'a', address: 'x:1', labels: { site: 'd' } }), [])
})

t.test('what a job does to labels of a target is told', async (t) => {
  const target = { source: 'a', address: 'x:1', labels: { site: 'b', team: 'edge', api_key: 'c4n4ry-1' } }
  const changes = (more: string) => {
    const [pool] = poolsOf(readScrapeConfigs(config('http://r/targets', more)), undefined)
    return changesBy(pool as never, target)
  }
  t.same(changes(''), [])
  t.same(
    changes(
      '  relabel_configs: [{ target_label: job, replacement: c }, { target_label: new, replacement: c }]\n',
    ),
    [],
  )
  t.same(
    changes(
      '  relabel_configs: [{ target_label: site, replacement: c }, { regex: team, action: labeldrop }]\n',
    ),
    ['rule 1 of pool node overwrites site: "b" becomes "c"', 'rule 2 of pool node removes team'],
  )
  t.same(changes('  relabel_configs: [{ source_labels: [site], regex: b, action: drop }]\n'), [])
  const [masked] = changes('  relabel_configs: [{ target_label: api_key, replacement: c4n4ry-2 }]\n')
  t.match(masked, /^rule 1 of pool node overwrites api_key: /)
  t.notMatch(masked, /c4n4ry/)
  t.same(changes('  honor_labels: true\n'), [
    'pool node has honor_labels: labels of its metrics replace those of the target',
  ])
})
