import { parseHttpUrl } from '../base/urls.ts'
import type { Option } from './option.ts'

const source = {
  flag: 'source',
  value: '<name>',
  expects: 'the name of a source',
  help: 'Only this source; by default all of them.',
  parse: (text: string) => (text === '' ? undefined : text),
} satisfies Option<string>

function serverUrl(text: string): URL | undefined {
  const url = parseHttpUrl(text)
  return url === undefined || url.username + url.password + url.search !== '' ? undefined : url
}

function format<const Formats extends readonly [string, string]>(formats: Formats, help: string) {
  return {
    flag: 'format',
    value: `<${formats.join('|')}>`,
    default: formats[0],
    expects: `a format; write ${formats.join(' or ')}`,
    help,
    parse: (text: string) => formats.find((one): one is Formats[number] => one === text),
  }
}

/** The flags with a value that only one command has, in the order of --help. */
export const COMMAND_FLAGS = {
  check: {
    against: {
      flag: 'against',
      value: '<URL>',
      expects: 'the http or https URL of a server, without user and query, such as http://localhost:8080',
      help: 'With --probe: list the targets that would join and leave the lists of this running server.',
      parse: serverUrl,
    },
  },
  targets: {
    source,
    format: format(
      ['json', 'table'],
      'json: as the response of /targets (also a valid file_sd file); table: for people.',
    ),
  },
  explain: {
    source,
    format: format(['text', 'json'], 'text: for people; json: as the response of /api/v1/explain.'),
    prometheus: {
      flag: 'prometheus.url',
      value: '<URL>',
      expects:
        'the http or https URL of a Prometheus server, without user and query, such as http://localhost:9090',
      help: 'Query this Prometheus server for the state of the targets. Uses the credentials for this URL under prometheus in the configuration, if any.',
      parse: serverUrl,
    },
  },
  restore: {},
} as const satisfies Record<string, Readonly<Record<string, Option<unknown>>>>

/** The commands that have flags of their own. */
export type FlagCommand = keyof typeof COMMAND_FLAGS

/** The flags without a value that only one command has, with their texts for --help. */
export const COMMAND_SWITCHES: Readonly<Record<FlagCommand, Readonly<Record<string, string>>>> = {
  check: {
    'syntax-only': 'Do not check whether the files that the configuration names exist and can be used.',
    probe: 'Then read each source once and print the result; nothing is served or written.',
  },
  targets: {},
  explain: {},
  restore: {
    force: 'Restore to a folder that is not empty; the state that Rollcall stored there is replaced.',
  },
}
