import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A command in a page, and what the page says that it prints. */
export interface ShownCommand {
  readonly command: string
  readonly shown: string
}

/** A fenced console block that a comment before it, `<!-- with: NAME -->`, gives a scenario. */
export interface ConsoleBlock {
  readonly scenario: string
  readonly commands: readonly ShownCommand[]
  /** The block as it stands in the page. */
  readonly text: string
}

const BLOCK = /<!-- with: ([a-z-]+) -->\n```console\n(.*?)```/gs

/** The console blocks of a page that belong to a scenario. */
export function consoleBlocks(page: string): ConsoleBlock[] {
  return [...readFileSync(page, 'utf8').matchAll(BLOCK)].map(([text, scenario, body]) => {
    const commands = String(body)
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [, command, shown] = /^([^\n]*)\n(.*)$/s.exec(part) ?? []
        return { command: String(command), shown: String(shown) }
      })
    return { scenario: String(scenario), commands, text }
  })
}

/** Every console block of a page, in a scenario or not. */
export function countConsoleBlocks(page: string): number {
  return readFileSync(page, 'utf8').split('```console\n').length - 1
}

/** Runs a command as a shell does; what it prints, both streams in one. */
export function runShell(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    execFile('sh', ['-c', `exec 2>&1\n${command}`], { cwd, env }, (_error, out) => resolve(out))
  })
}

/** A text without what differs from run to run: times, ages and what grows with them. */
export function timeless(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT/g, 'DATE')
    .replace(/("age_seconds": |x-rollcall-age-seconds: )[\d.]+/g, '$1AGE')
    .replace(/(content-length: )\d+/g, '$1N')
    .replace(/("consecutive_failures": )\d+/g, '$1N')
    .replace(/(its list is )\w+( old)/g, '$1AGE$2')
    .replace(/(_timestamp_seconds\{.*\} )[\d.e+]+/g, '$1TIME')
    .replace(/(_failures_total\{.*\} )\d+/g, '$1N')
    .replace(/(in|after) [\d.]+ s(:|$)/gm, '$1 AGE s$2')
    .trim()
}
