import { UsageError } from '../base/errors.ts'
import { SWITCHES } from '../config/arguments.ts'
import { COMMAND_FLAGS, COMMAND_SWITCHES, type FlagCommand } from '../config/command-options.ts'
import type { Option } from '../config/option.ts'
import { flagOptions } from '../config/options.ts'
import { sensorOptions } from '../config/sensor-options.ts'
import { COMMANDS } from './help.ts'

/** The supported shells. */
const SHELLS = ['bash', 'zsh', 'fish'] as const

/** A flag for completion. */
interface Flag {
  readonly name: string
  readonly help: string
  /** Its values; `path`: paths of the file system; undefined: any; false: it takes no value. */
  readonly values: readonly string[] | 'path' | undefined | false
}

/**
 * `rollcall completion bash|zsh|fish`: a script that completes commands, flags and values; to be read by the shell.
 * @throws UsageError for another shell
 */
export function completion(shell: string | undefined): string {
  switch (shell) {
    case 'bash':
      return bash()
    case 'zsh':
      return zsh()
    case 'fish':
      return fish()
    default: {
      const what = shell === undefined ? 'which shell?' : `${shell}: this shell is not supported;`
      throw new UsageError(`completion: ${what} write rollcall completion ${SHELLS.join('|')}`)
    }
  }
}

/** The flags of a command, with the common flags of the server's commands. */
function flagsOf(command: string): Flag[] {
  if (command === 'sensor') return [...Object.values(sensorOptions).map(flagOf), HELP]
  if (command === 'completion') return [HELP]
  const name = command as FlagCommand
  const own = command in COMMAND_FLAGS ? Object.values(COMMAND_FLAGS[name]).map(flagOf) : []
  const switches = { ...(command in COMMAND_SWITCHES && COMMAND_SWITCHES[name]), ...SWITCHES }
  return [
    ...own,
    ...Object.values(flagOptions).map(flagOf),
    ...Object.entries(switches).map(([flag, help]): Flag => ({ name: flag, help, values: false })),
  ]
}

const HELP: Flag = { name: 'help', help: SWITCHES.help, values: false }

function flagOf({ flag, help, value }: Option<unknown>): Flag {
  const choices = /^<([^>|]+(?:\|[^>|]+)+)>$/.exec(value)?.[1]?.split('|')
  return { name: flag as string, help, values: choices ?? (value === '<path>' ? 'path' : undefined) }
}

/** A text inside single quotes of any of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** The text that a shell shows next to a flag: the first sentence. */
function brief(help: string): string {
  return (help.split(/[.;:]\s/)[0] as string).replace(/\.$/, '')
}

function bash(): string {
  const cases = Object.keys(COMMANDS).map((command) => {
    const flags = flagsOf(command).map(({ name, values }) => `--${name}${values === false ? '' : '='}`)
    return `    ${command}) flags=${quoted(flags.join(' '))} ;;`
  })
  const choices = Object.keys(COMMANDS).flatMap((command) =>
    flagsOf(command).flatMap(({ name, values }) =>
      Array.isArray(values)
        ? `    '${command} --${name}') COMPREPLY=($(compgen -W ${quoted(values.join(' '))} -- "$value")); return ;;`
        : [],
    ),
  )
  return `# bash completion of rollcall: source <(rollcall completion bash)
_rollcall() {
  local line="\${COMP_LINE:0:COMP_POINT}" word words command=serve flags flag value
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word="\${words[\${#words[@]}-1]}"
  for flag in "\${words[@]:1:\${#words[@]}-2}"; do
    [[ $flag != -* ]] && { command=$flag; break; }
  done
  if [[ $word == --*=* ]]; then
    flag="\${word%%=*}" value="\${word#*=}"
    case "$command $flag" in
${choices.join('\n')}
    esac
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$value"))
    return
  fi
  case $command in
${cases.join('\n')}
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
    [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  elif ((\${#words[@]} == 2)); then
    COMPREPLY=($(compgen -W ${quoted(Object.keys(COMMANDS).join(' '))} -- "$word"))
  elif [[ $command == completion ]]; then
    COMPREPLY=($(compgen -W ${quoted(SHELLS.join(' '))} -- "$word"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -F _rollcall rollcall
`
}

function zsh(): string {
  const escaped = (help: string) => brief(help).replaceAll(/[[\]:\\]/g, '\\$&')
  const spec = ({ name, help, values }: Flag) => {
    const action =
      values === false
        ? ''
        : values === 'path'
          ? '=:path:_files'
          : `=:value:${values ? `(${values.join(' ')})` : ''}`
    const [mark, rest] = action === '' ? ['', ''] : ['=', action.slice(1)]
    return `      ${quoted(`--${name}${mark}[${escaped(help)}]${rest}`)}`
  }
  const cases = Object.keys(COMMANDS).map((command) => {
    const last =
      command === 'completion' ? `      ${quoted(`1:shell:(${SHELLS.join(' ')})`)}` : "      '*:file:_files'"
    return `    ${command}) _arguments \\\n${[...flagsOf(command).map(spec), last].join(' \\\n')} ;;`
  })
  const commands = Object.entries(COMMANDS).map(([name, help]) => `    ${quoted(`${name}:${escaped(help)}`)}`)
  return `#compdef rollcall
# zsh completion of rollcall, for a folder of fpath: rollcall completion zsh > ~/.zfunc/_rollcall
_rollcall() {
  local -a commands=(
${commands.join('\n')}
  )
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  local command=\${words[2]}
  [[ $command == -* ]] && command=serve || { shift words; ((CURRENT--)); }
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _rollcall ]]; then _rollcall "$@"; else compdef _rollcall rollcall; fi
`
}

function fish(): string {
  const names = Object.keys(COMMANDS)
  const commands = Object.entries(COMMANDS).map(
    ([name, help]) => `complete -c rollcall -n __fish_use_subcommand -f -a ${name} -d ${quoted(brief(help))}`,
  )
  const flags = names.flatMap((command) =>
    flagsOf(command).map(({ name, help, values }) => {
      const condition =
        command === 'serve'
          ? `not __fish_seen_subcommand_from ${names.filter((one) => one !== 'serve').join(' ')}`
          : `__fish_seen_subcommand_from ${command}`
      const takes =
        values === false
          ? ''
          : values === 'path'
            ? ' -r -F'
            : values
              ? ` -x -a ${quoted(values.join(' '))}`
              : ' -x'
      return `complete -c rollcall -n ${quoted(condition)} -l ${name}${takes} -d ${quoted(brief(help))}`
    }),
  )
  return `# fish completion of rollcall: rollcall completion fish > ~/.config/fish/completions/rollcall.fish
${[...commands, ...flags].join('\n')}
complete -c rollcall -n '__fish_seen_subcommand_from completion' -f -a ${quoted(SHELLS.join(' '))}
`
}
