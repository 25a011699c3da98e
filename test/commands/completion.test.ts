import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { completion } from '../../src/commands/completion.ts'
import { COMMANDS } from '../../src/commands/help.ts'
import { findTool, missing } from '../helpers/tools.ts'

/** What bash offers behind a line. */
function offered(t: Test, line: string, files: Readonly<Record<string, string>> = {}): string[] {
  const folder = t.testdir(files)
  const script = `${completion('bash')}
COMP_LINE=${JSON.stringify(line)} COMP_POINT=${line.length}
_rollcall
printf '%s\\n' "\${COMPREPLY[@]}"
`
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: folder })
  t.equal(stderr, '', line)
  return stdout.trim().split('\n')
}

t.test('bash completes commands, flags, values and files', async (t) => {
  t.same(offered(t, 'rollcall '), Object.keys(COMMANDS))
  t.same(offered(t, 'rollcall ex'), ['explain'])
  t.same(offered(t, 'rollcall targets --form'), ['--format='])
  t.same(offered(t, 'rollcall targets --format=t'), ['table'])
  t.same(offered(t, 'rollcall check --pro'), ['--probe'])
  t.same(offered(t, 'rollcall --web.enable'), ['--web.enable-lifecycle'])
  t.same(offered(t, 'rollcall explain --against'), [''], 'a flag of another command')
  t.same(offered(t, 'rollcall sensor --register.ur'), ['--register.url='])
  t.same(offered(t, 'rollcall completion f'), ['fish'])
  t.same(offered(t, 'rollcall --config.file=roll', { 'rollcall.yml': '', 'other.yml': '' }), ['rollcall.yml'])
  t.same(offered(t, 'rollcall restore roll', { 'rollcall.backup': '' }), ['rollcall.backup'])
})

for (const [shell, args] of [
  ['bash', ['-n']],
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const) {
  t.test(`the script for ${shell} is valid, and has every flag`, async (t) => {
    const text = completion(shell)
    for (const flag of ['config.file', 'web.enable-lifecycle', 'against', 'register.url', 'help'])
      t.ok(text.includes(flag), flag)
    for (const command of Object.keys(COMMANDS)) t.ok(text.includes(command), command)
    const tool = findTool(shell)
    if (missing(t, tool, shell)) return
    const path = join(t.testdir(), 'script')
    writeFileSync(path, text)
    const { status, stderr } = spawnSync(shell, [...args, path], { encoding: 'utf8' })
    t.same({ status, stderr }, { status: 0, stderr: '' })
  })
}

t.test('zsh and fish offer commands', async (t) => {
  const folder = t.testdir({ 'rollcall.fish': completion('fish') })
  if (!missing(t, findTool('fish'), 'fish')) {
    const line = `source ${folder}/rollcall.fish; complete -C 'rollcall '; complete -C 'rollcall targets --format='`
    const { stdout } = spawnSync('fish', ['--no-config', '-c', line], {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder },
    })
    for (const text of ['explain', 'restore', '--format=table']) t.ok(stdout.includes(text), text)
  }
})
