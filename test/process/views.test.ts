import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'

t.test('69: a view that turned empty is answered once an operator accepts it', async (t) => {
  const records = (site: string) => [
    { host: 'a', labels: { site } },
    { host: 'b', labels: { site: 'other' } },
  ]
  const groups = (site: string) =>
    records(site).map(({ host, labels }) => ({ targets: [`${host}:9100`], labels }))
  const inventory = await inventoryServer(t, groups('berlin'))
  const { url } = await start(t, ['--web.enable-lifecycle'], { INVENTORY_URL: inventory.url.href })
  const post = (path: string) => fetch(`${url}${path}`, { method: 'POST' })
  const view = () => fetch(`${url}/targets?label.site=berlin`)
  t.equal((await post('/-/refresh')).status, 200)
  t.equal((await view()).status, 200)
  inventory.json(groups('paris'))
  await post('/-/refresh')
  const emptied = await view()
  t.equal(emptied.status, 503)
  const { error } = (await emptied.json()) as { error: { code: string; message: string } }
  t.equal(error.code, 'view_emptied')
  const digest = /digest=([0-9a-f]{64})/.exec(error.message)?.[1]
  t.equal((await post(`/-/accept?digest=${digest}&source=inventory`)).status, 409, 'it is of no source')
  t.same(await (await post(`/-/accept?digest=${digest}`)).json(), { results: [] })
  t.equal(await (await view()).text(), '[]')
  t.equal((await post(`/-/accept?digest=${digest}`)).status, 409)
})
