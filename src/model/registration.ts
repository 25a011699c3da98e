import { parseHost, parsePort, splitHostPort } from './address.ts'
import { parseDuration } from './duration.ts'
import { isLabelName, isLabelValue, labelText } from './labels.ts'
import { isObject, type Json, kindOf } from './record.ts'

/** What a device says of itself when it registers. */
export interface Registration {
  /** Where it is scraped: `host:port`, a host alone, whose port the source decides, or `:port` of the device that sends it. */
  readonly address: string
  /** Of the address; IPv6 in brackets; empty when it names none. */
  readonly host: string
  /** Of the address; undefined when it names none. */
  readonly port: number | undefined
  readonly labels: Readonly<Record<string, string>>
  /** How long it is to be believed without being repeated, in milliseconds; undefined: the source decides. */
  readonly ttlMs: number | undefined
}

/** What became of a registration. */
export interface Registered {
  /** Whether the instance was not known before. */
  readonly isNew: boolean
  /** How long it is believed, in milliseconds. */
  readonly ttlMs: number
}

/** Who holds a token, as far as that matters. */
export interface Holder {
  /** Tells the token apart from others that may register any instance; undefined when it is none of these. */
  readonly token?: string
  /** The only instance that it may register and remove; undefined: any. */
  readonly device?: string
}

/** Who asks. */
export interface Caller extends Holder {
  /** The IP address that the request came from. */
  readonly peer?: string | undefined
}

/** The instances of a push source, as devices reach them. */
export interface Instances {
  /**
   * Checks who asks.
   * @param token undefined: none was sent
   * @throws HttpError `unauthorized`, or `token_unreadable` when the right one cannot be read
   */
  authorize(token: string | undefined): Promise<Holder>
  /**
   * Registers an instance, or renews its lease. Of one that is known the lease is renewed whatever else is wrong.
   * @returns resolves when the registration is on disk
   * @throws HttpError `bad_request` when it says what it may not, `wrong_device`, `too_many_instances`,
   * `too_many_bytes`, or `storage_unavailable`; the earlier registration stays then
   */
  register(id: string, registration: Registration, caller?: Caller): Promise<Registered>
  /** A heartbeat of an instance came in, whatever else is wrong with it: its lease is renewed. */
  heard(id: string, caller: Caller): void
  /** A heartbeat of somebody who may register was refused because of too much load. */
  overloaded(): void
  /**
   * Removes an instance; a missing one is removed already.
   * @throws HttpError `wrong_device`, or `storage_unavailable`: it may be back after a restart, for its time to live
   */
  leave(id: string, caller?: Caller): Promise<void>
}

/** The longest id, in UTF-16 units: as long as a host name may be. */
export const MAX_ID_LENGTH = 253

const KEYS: readonly string[] = ['address', 'labels', 'ttl']

/** Whether a text names an instance: no control character, slash or backslash, and not longer than {@link MAX_ID_LENGTH}. */
export function isInstanceId(text: string): boolean {
  return text !== '' && text.length <= MAX_ID_LENGTH && isLabelValue(text) && !/[/\\\t\r\n]/.test(text)
}

/**
 * Reads a registration: `{"address": …, "labels": {…}, "ttl": …}`, the last two optional.
 * @throws Error that says what is wrong, and what to write instead
 */
export function readRegistration(body: Json): Registration {
  if (!isObject(body)) throw new Error(`the body is ${kindOf(body)}, not an object such as ${EXAMPLE}`)
  const unknown = Object.keys(body).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) {
    throw new Error(`${shown(unknown)} is no key of a registration; there are ${KEYS.join(', ')}`)
  }
  const { address, labels, ttl } = body
  return { ...readAddress(address), labels: readLabels(labels ?? {}), ttlMs: readTtl(ttl ?? undefined) }
}

const EXAMPLE = '{"address":"10.0.0.7:9100"}'

function readAddress(value: Json | undefined): Pick<Registration, 'address' | 'host' | 'port'> {
  if (value === undefined) throw new Error(`address is missing; write one, as in ${EXAMPLE}`)
  const { host: hostText, port: portText } = splitHostPort(typeof value === 'string' ? value : '')
  const host = hostText === '' && portText !== undefined ? '' : parseHost(hostText)
  const port = portText === undefined ? undefined : parsePort(portText)
  if (host === undefined || (portText !== undefined && port === undefined)) {
    throw new Error(
      `address ${shown(value)} is not host:port; write a DNS name or an IP address and a port, as in ${EXAMPLE}`,
    )
  }
  return { address: port === undefined ? host : `${host}:${port}`, host, port }
}

function readLabels(value: Json): Record<string, string> {
  if (!isObject(value)) throw new Error(`labels is ${kindOf(value)}; write an object such as {"site":"s1"}`)
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, readLabel(name, text)]))
}

function readLabel(name: string, value: Json): string {
  if (!isLabelName(name)) {
    throw new Error(`labels: ${shown(name)} is not a label name; use letters, digits and "_", no digit first`)
  }
  if (name === '__address__' || name === '__proto__' || name.startsWith('__meta_rollcall_')) {
    throw new Error(`labels: ${name} cannot be set; leave it out`)
  }
  const text = typeof value === 'object' ? undefined : labelText(value)
  if (text !== undefined && isLabelValue(text)) return text
  throw new Error(`labels: ${name} is ${shown(value)}; write a text without control characters`)
}

function readTtl(value: Json | undefined): number | undefined {
  if (value === undefined) return undefined
  const ms = typeof value === 'string' ? parseDuration(value) : undefined
  if (ms === undefined) throw new Error(`ttl ${shown(value)} is not a duration; write one such as "90s"`)
  return ms
}

function shown(value: Json): string {
  const json = JSON.stringify(value)
  return json.length <= 80 ? json : `${json.slice(0, 79).toWellFormed()}…`
}
