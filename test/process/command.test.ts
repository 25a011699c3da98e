import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { until } from '../helpers/until.ts'

t.test(
  'a command is an inventory like any other: its list stays while it fails, and none outlives the server',
  async (t) => {
    const folder = t.testdir({
      list: 'host,port\na,9100\nb,9200\n',
      run: 'cat list',
      'rollcall.yml': `global: { refresh_interval: 1h, timeout: 30s }
sources:
  - name: sensors
    command: { argv: [sh, ./run], format: csv, env: [DB_PASSWORD] }
    targets: ["{host}:{port}"]
`,
    })
    const flags = [
      `--config.file=${join(folder, 'rollcall.yml')}`,
      '--web.enable-lifecycle',
      '--enable-command-sources',
    ]
    const { url, child, ended } = await start(t, flags, { DB_PASSWORD: 'hunter22' })
    const served = () => fetch(`${url}/targets`).then((answer) => (answer.ok ? answer.json() : undefined))
    await until('a first list', served)
    t.match(await served(), [{ targets: ['a:9100', 'b:9200'] }])

    writeFileSync(join(folder, 'run'), 'head -n 2 list; echo "password $DB_PASSWORD is wrong" >&2; exit 1')
    const failed = await fetch(`${url}/-/refresh`, { method: 'POST' })
    t.equal(failed.status, 502)
    const { message } = (await failed.json()).error
    t.match(message, 'exit status 1: password <secret> is wrong')
    t.match(await served(), [{ targets: ['a:9100', 'b:9200'] }])
    const metrics = await (await fetch(`${url}/metrics`)).text()
    t.match(metrics, /rollcall_source_refresh_failures_total\{source="sensors",reason="command"\} 1/)

    writeFileSync(join(folder, 'run'), 'echo $$ > pid; exec sleep 1000')
    const hanging = fetch(`${url}/-/refresh`, { method: 'POST' }).catch(() => undefined)
    const pid = await until('it runs', () => {
      const text = readFileSync(join(folder, 'pid'), 'utf8')
      return text.endsWith('\n') && Number(text)
    })
    t.ok(process.kill(pid, 0))
    child.kill('SIGTERM')
    await hanging
    await ended
    await until('it has ended', () => {
      try {
        return !process.kill(pid, 0)
      } catch {
        return true
      }
    })
  },
)
