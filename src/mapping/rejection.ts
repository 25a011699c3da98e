import { replaceUserInfo } from '../base/urls.ts'
import type { Json } from '../model/record.ts'

/**
 * The reasons why a record, or one target of it, is quarantined: the values of the `reason` label of
 * `rollcall_source_records_rejected`. A bad label is no reason: it is left out.
 */
export const REJECTION_REASONS = {
  not_a_host: 'the record is a number, a boolean, null or a list, not an object or a host name',
  no_host: 'the object has none of address, hostname, host, ip, name',
  missing_field: 'a field that the target template needs is absent, null or empty',
  invalid_host:
    'the host is not a DNS name or an IP address, or the address is empty or has a control character',
  invalid_port: 'the port is not a number from 1 to 65535',
  invalid_url: 'the rendered url is not a URL that Prometheus can scrape',
  invalid_list: 'the field of for_each is present, but is not a list',
  filter_failed: 'the filter expression cannot be applied to the record',
  not_joined: 'the joined record in another list (with) is missing, or there are several',
  invalid_group: 'the record is meant as a target group but is not one',
} as const

export type RejectionReason = keyof typeof REJECTION_REASONS

/** One fault of one record. `detail` is a short text for people, with the wrong value. */
export interface Rejection {
  readonly reason: RejectionReason
  readonly detail: string
}

/** Why a label was left out: the `reason` label of `rollcall_source_labels_dropped`. */
export const LABEL_DROP_REASONS = {
  collision: 'two fields have the same label name; the exact name, then the first in order, is kept',
  secret:
    'the name of the field, or its value, marks it as a secret; a label of its own can still be configured',
  misnamed: 'a labelmap rule gave it an invalid name, such as one that begins with a digit',
  not_text: 'the value is an object, or labels is not an object',
  invalid_value:
    'the value is too long, has control characters, is not valid Unicode or is a number beyond 2^53',
} as const

export type LabelDropReason = keyof typeof LABEL_DROP_REASONS

/** Counts a label that is left out. */
export type DropLabel = (reason: LabelDropReason, name: string) => void

/** A value for a message: JSON, cut after 80 characters, without the user and password of a URL. */
export function shown(value: Json): string {
  return shownText(stringify(typeof value === 'string' ? value.slice(0, 1_000) : value))
}

/** A text for a message, cut and without secrets, as {@link shown} makes it. */
export function shownText(text: string): string {
  const safe = replaceUserInfo(text.slice(0, 1_000), () => '…')
  return safe.length <= 80 ? safe : `${safe.slice(0, 79).toWellFormed()}…`
}

function stringify(value: Json): string {
  try {
    return JSON.stringify(value)
  } catch {
    return '(too deep to be shown)'
  }
}
