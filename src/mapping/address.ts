import { discoveryFault, parseHost, parsePort, splitHostPort } from '../model/address.ts'
import { fieldOf, type InventoryRecord, isObject, type Json } from '../model/record.ts'
import { type Rejection, type RejectionReason, shown } from './rejection.ts'
import { type RenderFault, render, splitAtPort, type Template } from './template.ts'
import { type Apart, takeApart } from './url.ts'

/** The fields of an object that can hold its host, in the order in which they are tried. */
export const HOST_FIELDS = ['address', 'hostname', 'host', 'ip', 'name'] as const

/** A text that is not an address, with the reason. Relabel rules may still make an address of it. */
export interface Unfit {
  readonly text: string
  readonly fault: Rejection
}

/**
 * The result of a search: an address, an address with labels that decide where it is scraped, or a text that
 * is not an address.
 */
export type Found = string | Apart | Unfit

/** Finds one address in a record, or the reason why there is none. */
export type AddressFinder = (record: InventoryRecord) => Found | Rejection

/** Finds the address by the usual names: a bare host, or an object with a host field and maybe `port`. */
export function findUsualAddress(defaultPort: number): AddressFinder {
  return (record) => {
    if (typeof record === 'string') return makeAddress(record, undefined, defaultPort)
    if (!isObject(record)) {
      return reject('not_a_host', `${shown(record)} is neither an object nor a host name`)
    }
    for (const field of HOST_FIELDS) {
      const host = fieldOf(record, field)
      if (isAbsent(host)) continue
      if (typeof host === 'string') return makeAddress(host, fieldOf(record, 'port'), defaultPort)
      return reject('invalid_host', `${field} is ${shown(host)}; it must be a text`)
    }
    return reject(
      'no_host',
      `none of ${HOST_FIELDS.join(', ')} in an object with the keys ${shown(Object.keys(record))}`,
    )
  }
}

/**
 * Renders the address of a template. It can be any text. A bare IPv6 address before a port gets brackets. A field in the
 * place of the port must be a port: otherwise the record is wrong, which does not mean that its target moved.
 */
export function findTemplateAddress(template: Template): AddressFinder {
  const { host, port } = splitAtPort(template)
  return (record) => {
    const hostText = render(host, record)
    if (typeof hostText !== 'string') return rejectRender(hostText, 'invalid_host')
    if (port === undefined) return readWritten(hostText)
    const portText = render(port, record)
    if (typeof portText !== 'string') return rejectRender(portText, 'invalid_port')
    const isBareIPv6 = hostText.includes(':') && !hostText.startsWith('[')
    const text = `${isBareIPv6 ? (parseHost(hostText) ?? hostText) : hostText}:${portText}`
    const isWrong = parsePort(portText) === undefined && port.some((part) => typeof part !== 'string')
    return isWrong
      ? unfit(text, 'invalid_port', `port ${shown(portText)} is not 1 to 65535`)
      : readWritten(text)
  }
}

/** Renders the URL of a template, and splits it into address and labels. */
export function findTemplateUrl(template: Template): AddressFinder {
  return (record) => {
    const text = render(template, record)
    return typeof text === 'string' ? takeApart(text) : rejectRender(text, 'invalid_url')
  }
}

/** Reads an address from a target group: it stays as it is, with or without a port. */
export function readWritten(text: string): string | Unfit {
  const fault = discoveryFault(text)
  return fault === undefined ? text : unfit(text, 'invalid_host', `the address ${shown(text)} ${fault}`)
}

function isAbsent(value: Json | undefined): value is null | undefined | '' {
  return value === undefined || value === null || value === ''
}

/** Makes an address. A port inside the text wins over the record's port, which wins over the default. */
function makeAddress(
  text: string,
  recordPort: Json | undefined,
  defaultPort: number,
): string | Unfit | Rejection {
  // A URL would be split at the colon of its scheme, and its port would be reported as wrong.
  if (/[\s/]/.test(text)) return badHost(text)
  const { host: hostText, port: ownPort } = splitHostPort(text)
  const host = parseHost(hostText)
  if (host === undefined) return badHost(text)
  const portValue = ownPort ?? (isAbsent(recordPort) ? defaultPort : recordPort)
  const isPort = typeof portValue === 'number' || typeof portValue === 'string'
  const port = isPort ? parsePort(portValue) : undefined
  if (port !== undefined) return `${host}:${port}`
  const detail = `port ${shown(portValue)} is not 1 to 65535`
  return isPort ? unfit(`${host}:${portValue}`, 'invalid_port', detail) : reject('invalid_port', detail)
}

function badHost(text: string): Unfit {
  return unfit(text, 'invalid_host', `${shown(text)} is not a host: ${faultOf(text)}`)
}

function faultOf(text: string): string {
  if (text.includes('://')) return 'it has a scheme; only host:port is allowed'
  if (text.includes('/')) return 'it has a slash; only host:port is allowed'
  if (/\s/.test(text)) return 'it has a space'
  if (text.length > 253) return 'it is longer than 253 characters'
  return 'it is not a DNS name, IPv4 or IPv6 address'
}

function rejectRender(fault: RenderFault, otherwise: RejectionReason): Rejection {
  if (fault.kind === 'missing') return reject('missing_field', `${fault.field} is absent, null or empty`)
  if (fault.kind === 'imprecise')
    return reject(otherwise, `${fault.field} is a number beyond 2^53, which is not read exactly`)
  return reject(otherwise, `${fault.field} is an object or a list, not a text or a number`)
}

function unfit(text: string, reason: RejectionReason, detail: string): Unfit {
  return { text, fault: reject(reason, detail) }
}

function reject(reason: RejectionReason, detail: string): Rejection {
  return { reason, detail }
}
