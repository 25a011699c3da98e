import t from 'tap'
import { createCpuFamilies, parseCpus } from '../../../src/sensor/collectors/cpu.ts'
import { diskstatsFamilies } from '../../../src/sensor/collectors/diskstats.ts'
import { osFamilies, parseOsRelease } from '../../../src/sensor/collectors/identity.ts'
import { pageBytesOf, statFamilies } from '../../../src/sensor/collectors/kernel.ts'
import { meminfoFamilies } from '../../../src/sensor/collectors/meminfo.ts'
import { parseMounts } from '../../../src/sensor/collectors/mounts.ts'
import { netdevFamilies } from '../../../src/sensor/collectors/netdev.ts'
import { networkClassFamilies } from '../../../src/sensor/collectors/network-class.ts'
import { netstatFamilies, sockstatFamilies } from '../../../src/sensor/collectors/network-protocols.ts'
import { thermalZoneFamilies } from '../../../src/sensor/collectors/thermal-zone.ts'
import { exposition, single } from '../../../src/sensor/exposition.ts'
import { seriesValue } from '../../helpers/exposition.ts'

const NOTHING = /^(?!)/

t.test('the text format: escapes, infinities, and no family without series', async (t) => {
  const text = exposition([
    { name: 'a', type: 'gauge', help: 'A.', series: [{ labels: { x: 'q"\\\n', le: 1 }, value: 1 }] },
    { name: 'none', type: 'gauge', help: 'None.', series: [] },
    single('untyped', 'b', 'B.', Number.POSITIVE_INFINITY),
    single('counter', 'c', 'C.', Number.NEGATIVE_INFINITY),
    single('gauge', 'd', 'D.', Number.NaN),
  ])
  t.equal(
    text,
    '# HELP a A.\n# TYPE a gauge\na{x="q\\"\\\\\\n",le="1"} 1\n# HELP b B.\n# TYPE b untyped\nb +Inf\n# HELP c C.\n# TYPE c counter\nc -Inf\n# HELP d D.\n# TYPE d gauge\nd NaN\n',
  )
})

const cpu = (user: number, idle: number, iowait: number) =>
  `cpu  9 9\ncpu0 ${user} 0 0 ${idle} ${iowait}\nctxt 5\n`

t.test('processor times are seconds, and old kernels have fewer', async (t) => {
  t.match(parseCpus(cpu(150, 1000, 5)).get('0'), {
    user: 1.5,
    idle: 10,
    iowait: 0.05,
    steal: 0,
    guest_nice: 0,
  })
  t.throws(() => parseCpus('cpu0 1 x\n'), { message: 'cpu0: "x" is not a number' })
})

t.test('processor times never fall, unless the processor was away', async (t) => {
  const families = createCpuFamilies()
  const told = (stat: string, mode: string) =>
    seriesValue(exposition(families(stat)), 'node_cpu_seconds_total', { cpu: '0', mode })
  t.equal(told(cpu(100, 1000, 50), 'iowait'), 0.5)
  t.equal(told(cpu(200, 1000, 40), 'iowait'), 0.5, 'the kernel counted a little back')
  t.equal(told(cpu(300, 900, 60), 'idle'), 10)
  t.equal(told(cpu(300, 900, 60), 'user'), 3)
  t.equal(told(cpu(1, 2, 3), 'idle'), 0.02, 'hot-plugged')
})

t.test('memory is bytes where the kernel gives a unit', async (t) => {
  const text = exposition(meminfoFamilies('MemTotal:  1024 kB\nActive(anon):  1 kB\nHugePages_Total:  3\n'))
  t.equal(seriesValue(text, 'node_memory_MemTotal_bytes'), 1024 * 1024)
  t.equal(seriesValue(text, 'node_memory_Active_anon_bytes'), 1024)
  t.equal(seriesValue(text, 'node_memory_HugePages_Total'), 3)
  t.throws(() => meminfoFamilies('MemTotal:\n'), { message: 'MemTotal: undefined is not a number' })
})

t.test('disks: units, exclusion, and the columns that there are', async (t) => {
  const text = exposition(
    diskstatsFamilies(
      '   8 0 sda 10 1 20 3000 4 5 6 7 8 9 10\n 7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n 8 16 sdb 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 2 1500\n',
      /^loop/,
    ),
  )
  t.equal(seriesValue(text, 'node_disk_read_bytes_total', { device: 'sda' }), 20 * 512)
  t.equal(seriesValue(text, 'node_disk_read_time_seconds_total', { device: 'sda' }), 3)
  t.equal(seriesValue(text, 'node_disk_flush_requests_time_seconds_total', { device: 'sdb' }), 1.5)
  t.equal(seriesValue(text, 'node_disk_flush_requests_total', { device: 'sda' }), undefined)
  t.notMatch(text, 'loop0')
  t.match(text, '# TYPE node_disk_io_now gauge')
})

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
eth0:1:17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
`

t.test('network devices: by column, with the alias of an old kernel, without the excluded', async (t) => {
  const text = exposition(netdevFamilies(NET_DEV, /^lo$/, () => '7\n'))
  const device = 'eth0:1'
  t.equal(seriesValue(text, 'node_network_receive_bytes_total', { device }), 17)
  t.equal(seriesValue(text, 'node_network_transmit_compressed_total', { device }), 32)
  t.equal(seriesValue(text, 'node_network_receive_nohandler_total', { device }), 7)
  t.notMatch(text, '"lo"')
  t.notMatch(exposition(netdevFamilies(NET_DEV, NOTHING, () => undefined)), 'nohandler')
  t.throws(() => netdevFamilies('a\nb\nnothing here\n', NOTHING, () => undefined), /is not a number/)
})

t.test('what /sys does not know of a device has no series', async (t) => {
  const files: Record<string, string> = {
    'eth0/operstate': 'up\n',
    'eth0/speed': '1000\n',
    'eth0/address': '02:00\n',
  }
  const text = exposition(networkClassFamilies(['eth0', 'lo'], (device, name) => files[`${device}/${name}`]))
  t.equal(seriesValue(text, 'node_network_up', { device: 'eth0' }), 1)
  t.equal(seriesValue(text, 'node_network_up', { device: 'lo' }), 0)
  t.equal(seriesValue(text, 'node_network_speed_bytes', { device: 'eth0' }), 125_000_000)
  t.equal(seriesValue(text, 'node_network_speed_bytes', { device: 'lo' }), undefined)
  t.match(text, 'address="02:00",broadcast="",duplex="",ifalias="",operstate="up"')
})

t.test('protocols and sockets', async (t) => {
  const netstat = 'TcpExt: SyncookiesSent Other\nTcpExt: 5 6\n'
  const snmp = 'Tcp: InSegs InErrs\nTcp: 7 8\n'
  const text = exposition(netstatFamilies(netstat, snmp, 'Icmp6InMsgs 9\nNoDigit 1\n'))
  t.equal(seriesValue(text, 'node_netstat_TcpExt_SyncookiesSent'), 5)
  t.equal(seriesValue(text, 'node_netstat_Tcp_InErrs'), 8)
  t.equal(seriesValue(text, 'node_netstat_Icmp6_InMsgs'), 9)
  t.notMatch(text, 'Other')
  t.notMatch(exposition(netstatFamilies(netstat, snmp, undefined)), 'Icmp6')
  t.throws(() => netstatFamilies('', 'Tcp: InSegs\n', undefined), {
    message: 'Tcp_InSegs: undefined is not a number',
  })
  const sockets = 'sockets: used 4\nTCP: inuse 1 mem 3\n'
  const counts = exposition(sockstatFamilies(sockets, 'TCP6: inuse 2\n', 16_384))
  t.equal(seriesValue(counts, 'node_sockstat_sockets_used'), 4)
  t.equal(seriesValue(counts, 'node_sockstat_TCP_mem_bytes'), 3 * 16_384)
  t.equal(seriesValue(counts, 'node_sockstat_TCP6_inuse'), 2)
  t.notMatch(exposition(sockstatFamilies(sockets, undefined, 4096)), 'TCP6')
})

t.test('a page is what makes pages into kibibytes', async (t) => {
  t.equal(pageBytesOf('1000 1 1', 'Name:\tx\nVmSize:\t    4004 kB\n'), 4096)
  t.equal(pageBytesOf('1000 1 1', 'VmSize:\t   16064 kB\n'), 16_384)
})

t.test('a kernel that leaves a line out is told by name', async (t) => {
  t.throws(() => statFamilies('ctxt 1\n'), { message: 'intr: undefined is not a number' })
})

t.test('os-release: quotes, comments, and a version that is none', async (t) => {
  const text = '# a comment\nNAME="Debian \\"x\\""\nID=debian\nVERSION_ID=\'12.4.1\'\nnonsense\n'
  t.same(
    [...parseOsRelease(text)],
    [
      ['NAME', 'Debian "x"'],
      ['ID', 'debian'],
      ['VERSION_ID', '12.4.1'],
    ],
  )
  t.equal(
    seriesValue(exposition(osFamilies('ID=a\nVERSION_ID=12.4.1\n')), 'node_os_version', {
      id: 'a',
      id_like: '',
      name: '',
    }),
    12.4,
  )
  t.notMatch(exposition(osFamilies('ID=arch\nVERSION_ID=rolling\n')), 'node_os_version')
})

t.test('the temperature of a board', async (t) => {
  const text = exposition(thermalZoneFamilies([{ zone: '0', type: 'cpu-thermal\n', temp: '48312\n' }]))
  t.equal(seriesValue(text, 'node_thermal_zone_temp', { type: 'cpu-thermal', zone: '0' }), 48.312)
})

t.test('mounts: escapes, doubles, and the host seen from a container', async (t) => {
  const mounts = [
    '/dev/sda1 /host ext4 rw,relatime 0 0',
    '/dev/sda1 /host ext4 rw,relatime 0 0',
    '/dev/sdb1 /host/my\\040disk\\011x vfat ro 0 0',
    'tmpfs /hosts tmpfs rw 0 0',
  ].join('\n')
  t.same(
    parseMounts(mounts, '/host').map(({ mountPoint, isReadOnly }) => [mountPoint, isReadOnly]),
    [
      ['/', false],
      ['/my disk\tx', true],
      ['/hosts', false],
    ],
  )
  t.equal(parseMounts(mounts, '/')[0]?.mountPoint, '/host')
})
