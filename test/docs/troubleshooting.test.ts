import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createLogger } from '../../src/base/logger.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { startService } from '../../src/service.ts'
import { CLI } from '../helpers/cli.ts'
import { consoleBlocks, countConsoleBlocks, runShell, timeless } from '../helpers/console-blocks.ts'
import { diskFiles } from '../helpers/files.ts'
import { type InventoryServer, inventoryServer } from '../helpers/inventory-server.ts'
import { nodeCommand } from '../helpers/node.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const PAGE = 'docs/troubleshooting.md'

/** Where the page says that Rollcall and the inventory are. */
const SHOWN = {
  rollcall: 'http://127.0.0.1:8080',
  inventory: 'http://inventory:1337',
  address: '10.0.0.5:1337',
}

/** A situation of the page: an inventory, a configuration, and how they got there. */
interface Scenario {
  /** What the inventory answers at first. */
  readonly records?: readonly unknown[]
  /** Further keys of the source `sensors`. */
  readonly keys?: string
  readonly flags?: readonly string[]
  /** What happens before the commands are typed. */
  readonly happens?: (at: {
    inventory: InventoryServer
    folder: string
    url: string
    health: Health
  }) => Promise<void>
}

/** Waits until `/health` matches. */
type Health = (pattern: RegExp) => Promise<unknown>

const names = (count: number) =>
  Array.from({ length: count }, (_, index) => `sensor-${String(index + 1).padStart(2, '0')}`)

const SCENARIOS: Record<string, Scenario> = {
  down: {
    async happens({ inventory, health }) {
      await inventory.stop()
      await health(/ECONNREFUSED/)
    },
  },
  failing: {
    records: names(3),
    keys: 'refresh_interval: 1s',
    async happens({ inventory, health }) {
      await health(/"ok"/)
      inventory.handle((_request, response) => response.writeHead(401).end())
      await health(/"failing"/)
    },
  },
  stale: {
    records: names(3),
    keys: 'refresh_interval: 500ms, timeout: 400ms, max_staleness: 1s',
    async happens({ inventory, health }) {
      await health(/"ok"/)
      await inventory.stop()
      await health(/"failing"/)
      await health(/"age_seconds": [1-9]/)
    },
  },
  held: {
    records: names(24),
    keys: 'refresh_interval: 1h',
    flags: ['--web.enable-lifecycle'],
    async happens({ inventory, url, health }) {
      await health(/"ok"/)
      inventory.json(names(3))
      await fetch(`${url}/-/refresh`, { method: 'POST' })
      await health(/"holding"/)
    },
  },
  records: {
    records: [
      { hostname: 'sensor-01', status: 'active', site: 'berlin' },
      { hostname: 'sensor-02', status: 'active', site: 'test-lab' },
      { hostname: 'sensor-03', status: 'closed', site: 'berlin' },
      { hostname: 'sensor-04', status: 'active', site: 'berlin', port: 70_000 },
    ],
    keys: `records: "[?status == 'active']", labels: { site: "{site}" },
      relabel_configs: [{ source_labels: [site], regex: "test-.*", action: drop }]`,
    happens: ({ health }) => health(/"ok"/).then(() => {}),
  },
  reload: {
    records: names(3),
    async happens({ folder, health }) {
      await health(/"ok"/)
      writeFileSync(
        join(folder, 'rollcall.yml'),
        'sources:\n  - name: sensors\n    htp:\n      url: http://inventory:1337\n',
      )
    },
  },
  shape: {
    async happens({ inventory, health }) {
      inventory.handle((_request, response) =>
        response.end(JSON.stringify({ devices: names(2), sites: ['berlin'] })),
      )
      await health(/"shape"/)
    },
    keys: 'refresh_interval: 1s',
  },
}

/** Brings a scenario about; returns what runs a command in it and shows it as the page does. */
async function bringAbout(t: Test, { records = [], keys = '', flags = [], happens }: Scenario) {
  const inventory = await inventoryServer(t, records)
  const folder = t.testdir()
  const config = join(folder, 'rollcall.yml')
  const more = keys === '' ? '' : `, ${keys}`
  writeFileSync(config, `sources: [{ name: sensors, http: { url: ${inventory.url} }${more} }]`)
  const own = ['--web.listen-address=127.0.0.1:0', '--web.drain-delay=0', '--storage.path=']
  const load = () => loadSettings(readArguments([`--config.file=${config}`, ...own, ...flags]), {}, diskFiles)
  const log = await createLogger('silent', 'json')
  const deps = {
    clock: systemClock,
    files: diskFiles,
    random: Math.random,
    log,
    load,
    metrics: createMetrics(''),
  }
  const service = await startService(await load(), deps)
  t.teardown(service.stop)
  const { url } = service
  const health: Health = (pattern) =>
    until(`${pattern}`, async () => pattern.test(await (await fetch(`${url}/health`)).text()))
  await happens?.({ inventory, folder, url, health })
  const program = join(folder, 'rollcall')
  writeFileSync(program, `#!/bin/sh\nexec "${[...nodeCommand(), CLI].join('" "')}" "$@"\n`)
  chmodSync(program, 0o755)
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` }
  return async (command: string) => {
    // The server is in this process, which a busy machine may hold up for so long that the server sheds load.
    const out = await until('it is not overloaded', async () => {
      const printed = await runShell(command.replaceAll(SHOWN.rollcall, url), folder, env)
      return !printed.includes('"code":"overloaded"') && printed
    })
    return out
      .replaceAll(url, SHOWN.rollcall)
      .replaceAll(inventory.url.origin, SHOWN.inventory)
      .replaceAll(`127.0.0.1:${inventory.port}`, SHOWN.address)
      .replaceAll('\r', '')
  }
}

t.test('every console block of the page belongs to a scenario, and every scenario has one', async (t) => {
  const blocks = consoleBlocks(PAGE)
  t.equal(blocks.length, countConsoleBlocks(PAGE))
  t.same(new Set(blocks.map(({ scenario }) => scenario)), new Set(Object.keys(SCENARIOS)))
})

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  t.test(`what the page shows when ${name} is what is printed then`, async (t) => {
    if (missing(t, findTool('curl'), 'curl')) return
    const runCommand = await bringAbout(t, scenario)
    for (const block of consoleBlocks(PAGE).filter((one) => one.scenario === name)) {
      let printed = `<!-- with: ${name} -->\n\`\`\`console\n`
      for (const { command, shown } of block.commands) {
        const out = (await runCommand(command)).trimEnd()
        printed += `$ ${command}\n${out === '' ? '' : `${out}\n`}`
        if (process.env.UPDATE_DOCS !== '1') t.equal(timeless(out), timeless(shown), command)
      }
      if (process.env.UPDATE_DOCS === '1') {
        writeFileSync(
          PAGE,
          readFileSync(PAGE, 'utf8').replace(block.text, () => `${printed}\`\`\``),
        )
      }
    }
  })
}
