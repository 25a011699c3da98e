import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { UsageError } from '../../src/base/errors.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { rows } from './wrong/http-client.ts'

const env = {
  EMPTY: '',
  BROKEN: 'hunter2\nX-Admin: yes',
  SECRET: 'hunter2',
  HTTPS_PROXY: 'socks5://user:hunter2@proxy',
}

t.test(
  'every mistake in the keys of the HTTP client gives one line with its place, and no secret',
  async (t) => {
    const folder = t.testdir()
    const path = join(folder, 'rollcall.yml')
    for (const [what, yaml, line] of rows) {
      writeFileSync(path, yaml)
      const error = await loadSettings(readArguments([`--config.file=${path}`]), env).catch(
        (thrown) => thrown,
      )
      t.type(error, UsageError, what)
      const lines = String(error.message).replaceAll(`${folder}/`, '').split('\n')
      t.equal(lines.length, 1, `${what}: one line`)
      t.match(lines[0], line, what)
      t.notMatch(lines[0], 'hunter2', `${what}: no secret`)
    }
  },
)
