import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { UsageError } from '../../src/base/errors.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { rows } from './wrong/http.ts'

t.test('everything that can be wrong with http gives one line, with its place', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'rollcall.yml')
  for (const [what, yaml, line] of rows) {
    writeFileSync(path, yaml)
    const error = await loadSettings(readArguments([`--config.file=${path}`]), {}).catch((thrown) => thrown)
    t.ok(error instanceof UsageError, what)
    const lines = String(error.message).replaceAll(`${folder}/`, '').split('\n')
    t.equal(lines.length, 1, `${what}: one line`)
    t.match(lines[0], line, what)
    t.notMatch(lines[0], 'hunter2', what)
  }
})
