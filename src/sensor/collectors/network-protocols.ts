import { type Family, single } from '../exposition.ts'
import { linesOf, toNumber, wordsOf } from './collector.ts'

/** The fields that node_exporter exports by default. */
const NETSTAT =
  /^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$/

/**
 * /proc/net/netstat, /proc/net/snmp and /proc/net/snmp6: the counters of the protocols.
 * @param snmp6 undefined where there is no IPv6
 */
export function netstatFamilies(netstat: string, snmp: string, snmp6: string | undefined): Family[] {
  const values = [...pairsOfTables(netstat), ...pairsOfTables(snmp), ...pairsOfSnmp6(snmp6 ?? '')]
  return values.flatMap(([protocol, field, value]) => {
    const key = `${protocol}_${field}`
    if (!NETSTAT.test(key)) return []
    return [single('untyped', `node_netstat_${key}`, `Statistic ${protocol}${field}.`, toNumber(value, key))]
  })
}

type Value = readonly [protocol: string, field: string, value: string | undefined]

/** Two lines each: "Tcp: ActiveOpens …" and "Tcp: 17 …". */
function pairsOfTables(text: string): Value[] {
  const lines = linesOf(text).map(wordsOf)
  return lines.flatMap(([name = '', ...fields], index) => {
    if (index % 2 === 1) return []
    const [, ...values] = lines[index + 1] ?? []
    return fields.map((field, column) => [name.replace(':', ''), field, values[column]] as const)
  })
}

/** One line each: "Icmp6InMsgs 12"; the protocol ends with its 6. */
function pairsOfSnmp6(text: string): Value[] {
  return linesOf(text).flatMap((line) => {
    const [key = '', value] = wordsOf(line)
    const end = key.indexOf('6') + 1
    return end === 0 ? [] : [[key.slice(0, end), key.slice(end), value] as const]
  })
}

/**
 * /proc/net/sockstat and /proc/net/sockstat6: sockets by protocol.
 * @param sockstat6 undefined where there is no IPv6
 * @param pageSize the unit of memory in these files, in bytes
 */
export function sockstatFamilies(
  sockstat: string,
  sockstat6: string | undefined,
  pageSize: number,
): Family[] {
  return [...linesOf(sockstat), ...linesOf(sockstat6 ?? '')].flatMap((line) => {
    const [name = '', ...pairs] = wordsOf(line)
    const protocol = name.replace(':', '')
    return pairs.flatMap((key, index) => {
      if (index % 2 === 1) return []
      const value = toNumber(pairs[index + 1], `${protocol} ${key}`)
      if (protocol === 'sockets') {
        return [single('gauge', 'node_sockstat_sockets_used', 'Number of IPv4 sockets in use.', value)]
      }
      const gauge = (state: string, amount: number) =>
        single(
          'gauge',
          `node_sockstat_${protocol}_${state}`,
          `Number of ${protocol} sockets in state ${state}.`,
          amount,
        )
      return key === 'mem' ? [gauge('mem', value), gauge('mem_bytes', value * pageSize)] : [gauge(key, value)]
    })
  })
}
