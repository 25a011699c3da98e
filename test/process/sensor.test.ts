import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { pushServer } from '../helpers/push-server.ts'
import { until } from '../helpers/until.ts'

const SERVING = /"url":"([^"]+)".*"msg":"serving metrics"/

const sensor = (t: Test, ...flags: string[]) => start(t, ['sensor', ...flags], {}, SERVING)

t.test('a sensor serves, registers, and leaves on SIGTERM with exit code 0', async (t) => {
  const server = await pushServer(t)
  const other = await pushServer(t)
  const tokenFile = join(t.testdir({ token: 'a-token' }), 'token')
  const { url, child, ended, err } = await sensor(
    t,
    '--path.rootfs=/',
    `--register.url=${server.url}`,
    `--register.url=${other.url}`,
    `--register.token-file=${tokenFile}`,
    '--register.id=device-1',
    '--register.labels=site=s1',
    '--log.format=auto',
  )
  await until('it is registered', () => server.pushed.length === 1 && other.pushed.length === 1)
  t.same(other.pushed, server.pushed)
  t.match(server.pushed, [
    {
      authorization: 'Bearer a-token',
      path: '/api/v1/sources/devices/instances/device-1',
      body: { address: new URL(url).host, labels: { site: 's1' } },
    },
  ])
  const text = await (await fetch(`${url}/metrics`)).text()
  t.ok(Number(seriesValue(text, 'node_memory_MemTotal_bytes')) > 0)
  child.kill('SIGTERM')
  t.same(await ended, { code: 0, signal: null })
  for (const { pushed } of [server, other]) t.equal(pushed.at(-1)?.method, 'DELETE')
  t.match(err(), /"msg":"left"/)
  t.match(err(), /"msg":"stopped"/)
  t.notMatch(err(), 'a-token')
})

t.test('a sensor that cannot finish in time ends all the same', async (t) => {
  const server = await pushServer(t)
  server.answer(() => {})
  const { child, ended, err } = await sensor(
    t,
    `--register.url=${server.url}`,
    '--web.shutdown-timeout=300ms',
  )
  await until('it was asked', () => server.pushed.length === 1)
  child.kill('SIGTERM')
  t.equal((await ended).code, 1)
  t.match(err(), 'stopped before everything was finished')
})

t.test('its log is for people when they ask for it', async (t) => {
  const pretty = /serving metrics.*"url":"([^"]+)"/
  const { err } = await start(t, ['sensor', '--log.format=pretty'], {}, pretty)
  t.match(err(), /INFO.*serving metrics/)
})

t.test('help, and what is wrong with a command line', async (t) => {
  const help = await run(['sensor', '--help'])
  t.equal(help.code, 0)
  for (const flag of ['register.url=<URL>', 'path.rootfs=<path>', 'log.level=<level>', 'help']) {
    t.match(help.out, `--${flag}`)
  }
  const rows: [args: string[], err: string][] = [
    [['sensor', 'now'], 'rollcall: now: unexpected; rollcall sensor takes only flags\n'],
    [
      ['sensor', '--config.file=a'],
      'rollcall: --config.file: there is no such flag; rollcall sensor --help lists the flags\n',
    ],
    [['--log.level=info', 'sensor'], 'rollcall: sensor: write the command before its flags\n'],
    [['sensor', '--register.id=a'], 'rollcall: --register.id: has no effect without --register.url\n'],
    [
      ['sensor', '--path.procfs=/no/proc', '--path.sysfs=/proc', '--path.rootfs=/no'],
      `rollcall: --path.procfs: "/no/proc" is not where that file system of the machine is mounted (ENOENT: no such file or directory, stat '/no/proc/stat'); mount it there, or leave the flag out to use /proc
rollcall: --path.sysfs: "/proc" is not where that file system of the machine is mounted (ENOENT: no such file or directory, stat '/proc/class'); mount it there, or leave the flag out to use /sys
rollcall: --path.rootfs: "/no" is not where that file system of the machine is mounted (ENOENT: no such file or directory, stat '/no'); mount it there, or leave the flag out to use /
`,
    ],
  ]
  for (const [args, err] of rows) t.match(await run(args), { code: 2, out: '', err })
})
