import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { rows } from './wrong/file.ts'

t.test('every mistake with a file or http_sd source gives one line, with its place', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'rollcall.yml')
  for (const [what, yaml, line] of rows) {
    writeFileSync(path, yaml)
    const message = await loadSettings(readArguments([`--config.file=${path}`]), {}).then(
      () => 'no mistake',
      (error) => String(error.message).replaceAll(`${folder}/`, ''),
    )
    t.match(message, line, what)
    t.equal(message.split('\n').length, 1, what)
    t.notMatch(message, 'hunter2', what)
  }
})
