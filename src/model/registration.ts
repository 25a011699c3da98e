import { parseHost, parsePort, splitHostPort } from './address.ts'
import { parseDuration } from './duration.ts'
import { isLabelName, isLabelValue, labelText } from './labels.ts'
import { isObject, type Json, kindOf } from './record.ts'

/** The registration that a device sends. */
export interface Registration {
  /**
   * The address to scrape: `host:port`, a host alone (the source decides the port), or `:port` of the sending
   * device.
   */
  readonly address: string
  /** The host of the address; IPv6 in brackets; empty if there is none. */
  readonly host: string
  /** The port of the address; undefined if there is none. */
  readonly port: number | undefined
  readonly labels: Readonly<Record<string, string>>
  /** The requested lease, in milliseconds; undefined: the source decides. */
  readonly ttlMs: number | undefined
}

/** The result of a registration. */
export interface Registered {
  /** Whether the instance was unknown before. */
  readonly isNew: boolean
  /** The lease, in milliseconds. */
  readonly ttlMs: number
}

/** The permissions of a token. */
export interface Holder {
  /** Distinguishes tokens that may register any instance; undefined for other tokens. */
  readonly token?: string
  /** The only instance that the token may register and remove; undefined: any. */
  readonly device?: string
}

/** The client of a request. */
export interface Caller extends Holder {
  /** The IP address of the client. */
  readonly peer?: string | undefined
}

/** The instances of a push source, as devices access them. */
export interface Instances {
  /**
   * Checks a token.
   * @param token undefined: none was sent
   * @throws HttpError `unauthorized`, or `token_unreadable` when the right one cannot be read
   */
  authorize(token: string | undefined): Promise<Holder>
  /**
   * Registers an instance, or renews its lease. The lease of a known instance is renewed even if the
   * registration fails.
   * @returns resolves when the registration is on disk
   * @throws HttpError `bad_request` when its content is not allowed, `wrong_device`, `too_many_instances`,
   * `too_many_bytes`, or `storage_unavailable`; the previous registration stays then
   */
  register(id: string, registration: Registration, caller?: Caller): Promise<Registered>
  /** Renews the lease of an instance whose heartbeat arrived, even if the registration in it is invalid. */
  heard(id: string, caller: Caller): void
  /** Notes that a heartbeat of a permitted client was refused because of overload. */
  overloaded(): void
  /**
   * Removes an instance; removing a missing one succeeds.
   * @throws HttpError `wrong_device`, or `storage_unavailable`: after a restart it may be back for its lease
   */
  leave(id: string, caller?: Caller): Promise<void>
}

/** The longest id, in UTF-16 units: the length limit of a host name. */
export const MAX_ID_LENGTH = 253

const KEYS: readonly string[] = ['address', 'labels', 'ttl']

/**
 * Whether a text is an instance id: no control character, slash or backslash, and not longer than {@link
 * MAX_ID_LENGTH}.
 */
export function isInstanceId(text: string): boolean {
  return text !== '' && text.length <= MAX_ID_LENGTH && isLabelValue(text) && !/[/\\\t\r\n]/.test(text)
}

/**
 * Parses a registration: `{"address": …, "labels": {…}, "ttl": …}`, the last two optional.
 * @throws Error that says what is wrong, and what to write instead
 */
export function readRegistration(body: Json): Registration {
  if (!isObject(body)) throw new Error(`the body is ${kindOf(body)}, not an object such as ${EXAMPLE}`)
  const unknown = Object.keys(body).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) {
    throw new Error(`${shown(unknown)} is not a key of a registration; the keys are ${KEYS.join(', ')}`)
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
