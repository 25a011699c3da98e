import { renameSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

const NAMES = ['plain', 'search', 'paged', 'offset', 'sheet', 'json', 'yaml', 'csv', 'file-sd', 'http-sd']

/** Ten sources, of every kind and style that there is. */
const config = (origin: string) => `
global: { refresh_interval: 300ms, timeout: 5s }
sources:
  - { name: plain, http: { url: "${origin}/plain" } }
  - { name: search, http: { url: "${origin}/search", method: POST, body: { q: all } }, records: "data.hosts" }
  - { name: paged, http: { url: "${origin}/paged", pagination: { next_url: next, total: count, items: results } }, records: results }
  - { name: offset, http: { url: "${origin}/offset", pagination: { offset: { parameter: offset } } } }
  - { name: sheet, http: { url: "${origin}/sheet", format: csv } }
  - { name: json, file: { files: ["*-hosts.json"] } }
  - { name: yaml, file: { files: [hosts.yml] }, records: "keys(all.hosts)" }
  - { name: csv, file: { files: [hosts.csv] }, targets: ["{Name}:9100"] }
  - { name: file-sd, file: { files: [groups.yml] } }
  - { name: http-sd, http_sd: { url: "${origin}/groups" } }
`

/** What an HTTP inventory with so many hosts answers to a request. */
function answer(request: IncomingMessage, response: ServerResponse, count: number): void {
  const hosts = Array.from({ length: count }, (_, index) => `host-${index}`)
  const url = new URL(String(request.url), 'http://a')
  const offset = Number(url.searchParams.get('offset'))
  const json = (value: unknown) => response.end(JSON.stringify(value))
  const routes: Record<string, () => unknown> = {
    '/plain': () => json(hosts),
    '/search': () => response.writeHead(request.method === 'POST' ? 200 : 405) && json({ data: { hosts } }),
    '/paged': () => {
      const next = offset + 2 < count ? `/paged?offset=${offset + 2}` : null
      json({ count, next, results: hosts.slice(offset, offset + 2) })
    },
    '/offset': () => json(hosts.slice(offset, offset + 2)),
    '/sheet': () => response.end(`name\n${hosts.join('\n')}\n`),
    '/groups': () => json([{ targets: hosts.map((host) => `${host}:9100`), labels: { kind: 'sd' } }]),
  }
  routes[url.pathname]?.()
}

/** Replaces the files of an inventory with so many hosts, each at once. */
function writeFiles(folder: string, count: number): void {
  const hosts = Array.from({ length: count }, (_, index) => `host-${index}`)
  const replace = (name: string, text: string) => {
    writeFileSync(join(folder, `${name}.new`), text)
    renameSync(join(folder, `${name}.new`), join(folder, name))
  }
  replace('a-hosts.json', JSON.stringify(hosts.slice(0, 2)))
  replace('b-hosts.json', JSON.stringify(hosts.slice(2)))
  replace('hosts.yml', `all:\n  hosts:\n${hosts.map((host) => `    ${host}:\n`).join('')}`)
  replace('hosts.csv', `Name,Site\n${hosts.map((host) => `${host},x\n`).join('')}`)
  replace('groups.yml', `- targets: [${hosts.map((host) => `"${host}:9100"`).join(', ')}]\n`)
}

/** What is told of the health of a source. */
interface Health {
  readonly state: string
  readonly failure: { readonly reason: string } | null
}

t.test('24: ten sources of mixed kinds; one fails, and the other nine go on moving', async (t) => {
  const folder = t.testdir()
  let count = 3
  let plainFails = false
  const inventory = await inventoryServer(t)
  inventory.handle((request, response) => {
    if (plainFails && request.url === '/plain') response.writeHead(500).end()
    else answer(request, response, count)
  })
  writeFiles(folder, count)
  const path = join(folder, 'rollcall.yml')
  writeFileSync(path, config(inventory.url.origin))
  const { url } = await start(t, [`--config.file=${path}`])

  /** What is answered; while the server has too much to do, it asks to try again. */
  const answered = (path: string) =>
    until(`${path} is answered`, async () => {
      const answer = await fetch(`${url}${path}`)
      if (answer.status === 200) return (await answer.json()) as unknown
      throw new Error(await answer.text())
    })
  const addressesOf = async (name: string) => {
    const groups = (await answered(`/targets/${name}`)) as { targets: string[] }[]
    return groups.flatMap(({ targets }) => targets).sort()
  }
  const healthOf = async (name: string) => {
    const { sources } = (await answered('/health')) as { sources: Record<string, Health> }
    return sources[name]
  }
  const expected = (hosts: number) => Array.from({ length: hosts }, (_, index) => `host-${index}:9100`)

  await answered('/targets')
  for (const name of NAMES) t.same(await addressesOf(name), expected(3), name)

  plainFails = true
  count = 5
  writeFiles(folder, count)
  const moving = NAMES.filter((name) => name !== 'plain')
  for (const name of moving) {
    await until(`${name} moves`, async () => (await addressesOf(name)).length === 5)
    t.same(await addressesOf(name), expected(5), name)
  }
  // The others may have moved before it was read once.
  await until('the tenth fails', async () => (await healthOf('plain'))?.failure?.reason === 'http_status')
  t.same(await addressesOf('plain'), expected(3), 'the one that fails keeps its list')
  const groups = (await answered('/targets')) as { labels: Record<string, string> }[]
  t.same([...new Set(groups.map(({ labels }) => labels.__meta_rollcall_source))].sort(), [...NAMES].sort())
  t.match(await healthOf('plain'), { state: 'failing', targets: 3 })
  for (const name of moving) {
    await until(`${name} is well`, async () => (await healthOf(name))?.state === 'ok')
    t.match(await healthOf(name), { targets: 5 })
  }

  plainFails = false
  await until('the tenth moves too', async () => (await addressesOf('plain')).length === 5)
})
