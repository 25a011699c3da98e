import { replaceUserInfo } from '../base/urls.ts'
import type { Json } from '../model/record.ts'

/**
 * Why a record, or one target of it, is quarantined: the values of the `reason` label of
 * `rollcall_source_records_rejected`. Labels are no reason: one that cannot be made is left out.
 */
export const REJECTION_REASONS = {
  not_a_host: 'the record is a number, a boolean, null or a list, not an object or a host name',
  no_host: 'the object has none of address, hostname, host, ip, name',
  missing_field: 'a field that the target template needs is absent, null or empty',
  invalid_host: 'the host is no DNS name or IP address, or the address is empty or has a control character',
  invalid_port: 'the port is not a number from 1 to 65535',
  invalid_url: 'the text that url names is no URL that Prometheus could scrape',
  invalid_list: 'what for_each names is there, but is no list',
  filter_failed: 'the filter expression cannot be applied to the record',
  not_joined: 'what the record names in another list (with) is not there, or there several times',
  invalid_group: 'the record is meant as a target group but is none',
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
    'the name of the field, or its value, says that it holds a secret; a label of its own can still be configured',
  misnamed: 'a labelmap rule gave it a name that is none, such as one that begins with a digit',
  not_text: 'the value is an object, or labels is no set of keys',
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
