// The man page rollcall(1), from the tables that the program itself reads.
import { resolve } from 'node:path'
import { build } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '..')

/** The modules of src/ with the tables. */
const TABLES = [
  'commands/help',
  'config/options',
  'config/arguments',
  'config/command-options',
  'config/sensor-options',
]

/**
 * @param version of the program
 * @param epoch when it was made, in seconds
 * @returns the page, in the macros of man(7)
 */
export async function manPage(version, epoch) {
  const { COMMANDS, options, SWITCHES, COMMAND_FLAGS, COMMAND_SWITCHES, sensorOptions } = await tables()
  const flagged = options.filter(({ flag }) => flag !== undefined)
  const variables = options.filter(({ flag, env }) => flag === undefined && env !== undefined)
  const ownFlags = Object.entries(COMMAND_FLAGS).flatMap(([command, own]) => [
    ...Object.values(own).map((option) => flagItem(option, command)),
    ...Object.entries(COMMAND_SWITCHES[command]).map(([flag, help]) =>
      item(`--${flag}`, `(${command}) ${help}`),
    ),
  ])
  return `${[
    `.TH ROLLCALL 1 ${new Date(epoch * 1000).toISOString().slice(0, 10)} "Rollcall ${version}"`,
    '.ad l',
    '.nh',
    section('NAME', 'rollcall \\- HTTP service discovery for Prometheus'),
    section('SYNOPSIS', '.B rollcall\n[\\fIcommand\\fR] [\\fIflags\\fR]'),
    section(
      'DESCRIPTION',
      text(
        'Rollcall turns any inventory into Prometheus scrape targets over HTTP service discovery, and never drops a target that it cannot prove is gone.',
      ),
    ),
    section('COMMANDS', ...Object.entries(COMMANDS).map(([name, help]) => item(name, help))),
    section(
      'FLAGS',
      ...flagged.map((option) => flagItem(option)),
      ...Object.entries(SWITCHES).map(([name, help]) => item(`--${name}`, help)),
    ),
    section('FLAGS OF COMMANDS', ...ownFlags),
    section('FLAGS OF ROLLCALL SENSOR', ...Object.values(sensorOptions).map((option) => flagItem(option))),
    section(
      'ENVIRONMENT',
      'Variables that describe one inventory, instead of a configuration file:',
      ...variables.map((option) => item(`${option.env}=${option.value}`, described(option))),
    ),
    section(
      'EXIT STATUS',
      item('0', 'Fine.'),
      item('1', 'It could not run.'),
      item('2', 'Wrong flags, variables or configuration.'),
    ),
    section(
      'FILES',
      item('/etc/rollcall/rollcall.yml', 'The configuration that rollcall.service uses.'),
      item('/etc/rollcall/rollcall.env', 'The environment of rollcall.service.'),
      item('/etc/rollcall/rollcall-sensor.env', 'The environment of rollcall-sensor.service.'),
      item('/var/lib/rollcall', 'What rollcall.service keeps: lists, registrations, history.'),
    ),
    section('SEE ALSO', '.BR prometheus (1),\n.BR promtool (1)'),
  ].join('\n')}\n`
}

/** What these modules export. */
async function tables() {
  const outfile = resolve(ROOT, 'build/tables.mjs')
  const contents = TABLES.map((path) => `export * from './src/${path}.ts'`).join('\n')
  const stdin = { contents, resolveDir: ROOT }
  await build({ stdin, outfile, bundle: true, format: 'esm', platform: 'node', packages: 'external' })
  return import(outfile)
}

function section(name, ...parts) {
  return [`.SH ${name}`, ...parts].join('\n')
}

function item(term, help) {
  return `.TP\n.B ${text(term)}\n${text(help)}`
}

function flagItem(option, command) {
  const help = described(option)
  return item(`--${option.flag}=${option.value}`, command === undefined ? help : `(${command}) ${help}`)
}

function described({ help, default: value, flag, env }) {
  const also = flag !== undefined && env !== undefined ? ` Also $${env}.` : ''
  return `${help}${value === undefined ? '' : ` Default: ${value}.`}${also}`
}

/** A text as it is, in a line of its own; long patterns may break after a bar. */
function text(words) {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('|', '|\\:')
    .replace(/^([.'])/, '\\&$1')
}
