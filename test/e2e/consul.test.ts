import t, { type Test } from 'tap'
import { findConsul, startConsul } from '../helpers/consul.ts'
import { copyRecipe, servedTargets } from '../helpers/recipe.ts'
import { createScope } from '../helpers/scope.ts'
import { missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

// The recipes for Consul with a real one. Only its address is replaced, and the interval: what is served sooner was watched.

const POLICY = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }'

/** Consul with instances of a service on one node, and a token that may read them. */
async function consulWith(t: Test, instances: number) {
  const scope = createScope()
  t.teardown(scope.end)
  const consul = await startConsul(scope, String(findConsul()))
  const register = (number: number) =>
    consul.ask('PUT', 'agent/service/register', {
      ID: `sensor-${number}`,
      Name: 'sensor',
      Address: number === 0 ? '' : `10.0.0.${number}`,
      Port: 9100,
      Tags: number === 9 ? ['test'] : ['prod', 'freezer'],
      Meta: { site: 'ams' },
      Check: { CheckID: `check-${number}`, TTL: '1h', Status: 'passing' },
    })
  for (let number = 0; number < instances; number++) await register(number)
  await consul.ask('PUT', 'acl/policy', { Name: 'rollcall', Rules: POLICY })
  const Policies = [{ Name: 'rollcall' }]
  const token = (await consul.ask('PUT', 'acl/token', { Policies })) as {
    AccessorID: string
    SecretID: string
  }

  async function recipe(name: string) {
    const { start } = copyRecipe(scope, name, {
      'https://consul.example.com:8501': consul.origin,
      '- name: consul': '- name: consul\n    refresh_interval: 1h',
    })
    const { url } = await start({ CONSUL_HTTP_TOKEN: token.SecretID })
    /** Waits until these are served. @returns after how many milliseconds */
    async function served(...numbers: number[]): Promise<number> {
      const begin = performance.now()
      const wanted = numbers.map((number) => `${number === 0 ? '127.0.0.1' : `10.0.0.${number}`}:9100`).sort()
      await until(
        `${name} serves ${wanted}`,
        async () =>
          Object.keys(await servedTargets(url))
            .sort()
            .join() === wanted.join(),
        { timeoutMs: 15_000 },
      )
      return performance.now() - begin
    }
    return { url, served }
  }
  return { ...consul, register, token, recipe }
}

t.test('instances join, turn critical and leave, as the catalogue and the checks have them', async (t) => {
  if (missing(t, findConsul(), 'consul')) return
  const { ask, register, recipe } = await consulWith(t, 4)
  const catalogue = await recipe('consul')
  const passing = await recipe('consul-health')
  const node = (await ask('GET', 'agent/self')) as { Config: { NodeName: string } }
  const labels = {
    datacenter: 'dc1',
    node: node.Config.NodeName,
    service: 'sensor',
    site: 'ams',
    tags: ',prod,freezer,',
  }
  for (const { url, served } of [catalogue, passing]) {
    await served(0, 1, 2, 3)
    t.strictSame((await servedTargets(url))['127.0.0.1:9100'], labels, 'the address is that of its node')
  }

  await register(4)
  const joined = await Promise.all([catalogue.served(0, 1, 2, 3, 4), passing.served(0, 1, 2, 3, 4)])
  t.ok(Math.max(...joined) < 2000, `a new one is served after ${joined} ms`)

  await ask('PUT', 'agent/check/fail/check-1')
  const left = await passing.served(0, 2, 3, 4)
  t.ok(left > 1000 && left < 10_000, `two readings, two seconds apart, lack what is critical: ${left} ms`)
  t.same((await servedTargets(catalogue.url))['10.0.0.1:9100'], labels, 'the catalogue has it still')
  await ask('PUT', 'agent/check/pass/check-1')
  t.ok((await passing.served(0, 1, 2, 3, 4)) < 2000, 'it is back at once')

  await ask('PUT', 'agent/service/deregister/sensor-2')
  const gone = await Promise.all([catalogue.served(0, 1, 3, 4), passing.served(0, 1, 3, 4)])
  t.ok(Math.min(...gone) > 1000 && Math.max(...gone) < 10_000, `${gone} ms`)

  await register(9)
  await passing.served(0, 1, 3, 4, 9)
  await catalogue.served(0, 1, 3, 4)
})

t.test('all critical at once stay, and so they do when the token may read nothing any more', async (t) => {
  if (missing(t, findConsul(), 'consul')) return
  const { ask, token, recipe } = await consulWith(t, 4)
  const { url, served } = await recipe('consul-health')
  const health = async () =>
    (
      (await (await fetch(`${url}/health`)).json()) as {
        sources: { consul: { records: number; absent: number; failure: { reason: string } | null } }
      }
    ).sources.consul
  await served(0, 1, 2, 3)
  for (const number of [0, 1, 2, 3]) await ask('PUT', `agent/check/fail/check-${number}`)
  await until('the empty list is read', async () => (await health()).records === 0)
  await until('they are held', async () => (await health()).absent === 4)
  await served(0, 1, 2, 3)

  for (const number of [0, 1, 2, 3]) await ask('PUT', `agent/check/pass/check-${number}`)
  await until('all are read again', async () => (await health()).records === 4)
  await ask('PUT', `acl/token/${token.AccessorID}`, { AccessorID: token.AccessorID, Policies: [] })
  const failed = await until('it fails', async () => {
    await fetch(`${url}/-/refresh`, { method: 'POST' })
    return (await health()).failure ?? undefined
  })
  t.equal(failed.reason, 'refused')
  await served(0, 1, 2, 3)
})
