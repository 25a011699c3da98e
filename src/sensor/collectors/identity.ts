import type { Family } from '../exposition.ts'
import { linesOf } from './collector.ts'

/** The output of `uname`. */
export interface Uname {
  readonly sysname: string
  readonly release: string
  readonly version: string
  readonly machine: string
  readonly nodename: string
  readonly domainname: string
}

/** The output of `uname`, as the labels of a constant 1. */
export function unameFamilies(uname: Uname): Family[] {
  return [
    {
      name: 'node_uname_info',
      type: 'gauge',
      help: 'Labeled system information as provided by the uname system call.',
      series: [{ labels: { ...uname }, value: 1 }],
    },
  ]
}

const OS_KEYS = [
  'build_id',
  'id',
  'id_like',
  'image_id',
  'image_version',
  'name',
  'pretty_name',
  'variant',
  'variant_id',
  'version',
  'version_codename',
  'version_id',
]

/** Parses an os-release file, which is shell syntax: values may be quoted. */
export function parseOsRelease(text: string): Map<string, string> {
  return new Map(
    linesOf(text).flatMap((line): [string, string][] => {
      const [, key, quoted, plain] = /^\s*([A-Z0-9_]+)=(?:(["'].*["'])|(\S*))\s*$/.exec(line) ?? []
      if (key === undefined) return []
      const value = quoted === undefined ? (plain as string) : quoted.slice(1, -1)
      return [[key, value.replace(/\\(.)/g, '$1')]]
    }),
  )
}

/** /etc/os-release. */
export function osFamilies(osRelease: string): Family[] {
  const values = parseOsRelease(osRelease)
  const textOf = (key: string) => values.get(key.toUpperCase()) ?? ''
  const labels = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, textOf(key)]))
  const version = /^\d+\.?\d*/.exec(textOf('version_id'))?.[0]
  return [
    {
      name: 'node_os_info',
      type: 'gauge',
      help: `A metric with a constant '1' value labeled by ${OS_KEYS.join(', ')}.`,
      series: [{ labels: labels(OS_KEYS), value: 1 }],
    },
    {
      name: 'node_os_version',
      type: 'gauge',
      help: 'Metric containing the major.minor part of the OS version.',
      series:
        version === undefined ? [] : [{ labels: labels(['id', 'id_like', 'name']), value: Number(version) }],
    },
  ]
}
