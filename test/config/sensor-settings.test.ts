import { hostname } from 'node:os'
import t from 'tap'
import { readSensorSettings } from '../../src/config/sensor-settings.ts'

/** Settings of flags, of which `register.url` may be several. */
function read({ 'register.url': urls, ...flags }: Record<string, string> & { 'register.url'?: string } = {}) {
  const repeated = urls === undefined ? undefined : { 'register.url': urls.split(' ') }
  return readSensorSettings({ flags, env: {}, ...(repeated && { repeated }) })
}

t.test('without flags: port 9100, this machine, no registration', async (t) => {
  const { sensor, paths, collectors, shutdownTimeoutMs } = read()
  t.same(sensor, { listenAddress: { host: undefined, port: 9100 }, drainDelayMs: 0, registrations: [] })
  t.same(paths, { procfs: '/proc', sysfs: '/sys', rootfs: '/' })
  t.equal(shutdownTimeoutMs, 30_000)
  t.ok(collectors.mountPointsExclude.test('/var/lib/docker/overlay2/x'))
  t.notOk(collectors.mountPointsExclude.test('/var/lib/docker'))
  t.ok(collectors.disksExclude.test('sda1') && !collectors.disksExclude.test('sda'))
  t.ok(collectors.disksExclude.test('nvme0n1p1') && !collectors.disksExclude.test('nvme0n1'))
})

t.test('a registration has the host name for its id, unless it is given one', async (t) => {
  const url = 'http://rollcall:8080/api/v1/sources/devices'
  t.match(read({ 'register.url': url }).sensor.registrations, [
    { url: new URL(url), id: hostname(), labels: {} },
  ])
  t.match(
    read({
      'register.url': url,
      'register.id': 'a',
      'register.labels': 'site=s1,floor=2',
      'register.token-file': '/t',
      'register.address': '10.0.0.7',
      'register.ttl': '2m',
    }).sensor.registrations,
    [{ id: 'a', labels: { site: 's1', floor: '2' }, tokenFile: '/t', address: '10.0.0.7', ttl: '2m' }],
  )
  const others = ['http://a:1/api/v1/sources/d', 'http://b:1/api/v1/sources/d']
  t.match(
    read({ 'register.url': others.join(' '), 'register.id': 'a' }).sensor.registrations,
    others.map((other) => ({ url: new URL(other), id: 'a' })),
  )
})

t.test('an empty pattern excludes nothing, and the root of the host has no slash at its end', async (t) => {
  t.notOk(read({ 'collector.netdev.device-exclude': '' }).collectors.netDevicesExclude.test('lo'))
  t.equal(read({ 'path.rootfs': '/host/' }).paths.rootfs, '/host')
})

t.test('what is wrong is named with what is expected', async (t) => {
  const rows: [flags: Record<string, string>, message: RegExp][] = [
    [{ 'web.listen-address': 'x' }, /^--web.listen-address: "x" is not an address to listen on/],
    [{ 'web.drain-delay': 'soon' }, /^--web.drain-delay: "soon" is not a duration/],
    [{ 'register.url': 'ftp://a' }, /^--register.url: .* is not the http or https URL of a push source/],
    [{ 'register.url': 'http://u:p@a/' }, /^--register.url: "http:\/\/…@a\/" is not/],
    [
      { 'register.url': 'http://a/x?token=1 http://b/x http://a/x?token=2' },
      /^--register.url: http:\/\/a\/x.* is given twice/,
    ],
    [{ 'register.url': 'http://a/x http://a/x/' }, /^--register.url: http:\/\/a\/x is given twice/],
    [{ 'register.url': 'http://a', 'register.id': '..' }, /^--register.id: ".." is not a name/],
    [
      { 'register.url': 'http://a', 'register.id': 'a/b' },
      /^--register.id: "a\/b" is not a name that the server accepts; write up to 253 characters without "\/", "\\", tabs and line breaks, and not "." or ".."$/,
    ],
    [{ 'register.url': 'http://a', 'register.id': 'a'.repeat(254) }, /^--register.id: "a+…? is not a name/],
    [{ 'register.url': 'http://a', 'register.id': '' }, /^--register.id: "" is not a name/],
    [
      { 'register.url': 'http://a', 'register.address': 'a b' },
      /^--register.address: "a b" is not an address/,
    ],
    [
      { 'register.url': 'http://a', 'register.labels': 'x' },
      /^--register.labels: "x" is not a list of labels/,
    ],
    [{ 'register.url': 'http://a', 'register.ttl': '1s' }, /^--register.ttl: "1s" is not a duration/],
    [{ 'register.url': 'http://a', 'register.ttl': 'x' }, /^--register.ttl: "x" is not a duration/],
    [{ 'register.token-file': 't' }, /^--register.token-file: has no effect without --register.url$/],
    [{ 'path.procfs': '' }, /^--path.procfs: "" is not a path/],
    [{ 'collector.netdev.device-exclude': '(' }, /^--collector.netdev.device-exclude: "\(" is not a regular/],
    [{ 'collector.filesystem.mount-timeout': '0' }, /mount-timeout: "0" is not a duration such as 5s/],
  ]
  for (const [flags, message] of rows)
    t.throws(() => read(flags), { name: 'UsageError', message }, String(message))
})
