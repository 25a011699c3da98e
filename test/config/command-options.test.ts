import t from 'tap'
import { assertOwnFlags, readArguments } from '../../src/config/arguments.ts'

t.test('a flag belongs to its commands', async (t) => {
  const rows: [command: string, flag: string, complaint: string | undefined][] = [
    ['check', '--probe', undefined],
    ['serve', '--probe', '--probe: belongs to rollcall check'],
    ['targets', '--probe', '--probe: belongs to rollcall check'],
    ['targets', '--source=a', undefined],
    ['explain', '--source=a', undefined],
    ['check', '--source=a', '--source: belongs to rollcall targets and rollcall explain'],
    ['demo', '--format=json', '--format: belongs to rollcall targets and rollcall explain'],
    ['explain', '--log.level=info', undefined],
    ['targets', '--web.enable-lifecycle', undefined],
  ]
  for (const [command, flag, complaint] of rows) {
    const check = () => assertOwnFlags(readArguments([command, flag]), command)
    if (complaint === undefined) t.doesNotThrow(check, `${command} ${flag}`)
    else t.throws(check, { name: 'UsageError', message: complaint }, `${command} ${flag}`)
  }
})

t.test('flags of commands are read as strictly as the others', async (t) => {
  t.throws(() => readArguments(['check', '--probe=yes']), {
    message: '--probe: takes no value; leave "=yes" out',
  })
  t.throws(() => readArguments(['targets', '--format']), {
    message: '--format: needs a value; write --format=…',
  })
  t.throws(() => readArguments(['targets', '--sourse=a']), {
    message: '--sourse: there is no such flag; did you mean --source?',
  })
  t.same(
    readArguments(['explain', '--', '--probe']).positionals,
    ['explain', '--probe'],
    'a query may begin with -',
  )
})
