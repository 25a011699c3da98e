import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createFiles } from '../../src/base/files.ts'
import { readArguments } from '../../src/config/arguments.ts'
import fileSchema from '../../src/config/file-schema.json' with { type: 'json' }
import { loadSettings } from '../../src/config/load.ts'
import { viewSettings } from '../../src/config/settings-view.ts'
import { viewYaml } from '../../src/config/yaml-view.ts'

const CANARY = 'canary-3141'

t.test('no secret of a configuration file is shown, and everything else is', async (t) => {
  const config = {
    cluster: { redis: { password: CANARY, password_file: 'redis-password' } },
    sources: [
      {
        name: 'a',
        http: {
          url: `https://user:${CANARY}@inventory/api?token=${CANARY}`,
          basic_auth: { username: 'rollcall', password: CANARY, password_file: 'password' },
          authorization: { credentials: CANARY },
          http_headers: { 'X-Key': { values: [CANARY], secrets: [CANARY], files: ['key'] } },
          oauth2: {
            client_id: 'id',
            client_secret: CANARY,
            endpoint_params: { [CANARY.slice(0, 4)]: CANARY },
          },
          tls_config: { key: CANARY, key_file: 'key.pem' },
          body: CANARY,
        },
        labels: { password: CANARY, site: '{store.id}' },
        targets: ['{host}', { address: '{host}:1', labels: { api_token: CANARY } }],
        filter: `password='${CANARY}'`,
        required: null,
      },
      { name: 'c', command: { argv: ['curl', '-u', `bob:${CANARY}`], env: ['PGHOST'] } },
      { name: 'b', push: { token: CANARY, tokens: [{ id: 'x', token: CANARY }] } },
    ],
    unknown: { secret: CANARY, plain: 1, list: [{ token: CANARY }] },
  }
  const yaml = viewYaml(config, fileSchema)
  t.notOk(yaml.includes(CANARY), yaml)
  for (const text of [
    'url: https://<secret>@inventory/api?…',
    'password_file: password',
    'key_file: key.pem',
    '- key\n',
    'site: "{store.id}"',
    'address: "{host}:1"',
    'plain: 1',
    'required: null',
  ])
    t.ok(yaml.includes(text), text)
})

t.test('flags and variables that are given are shown, without their secrets', async (t) => {
  const flags = { 'web.listen-address': ':9000', 'storage.seed-url': `https://u:${CANARY}@peer/?a=${CANARY}` }
  const env = { INVENTORY_URL: `http://inventory/list?key=${CANARY}`, TARGETS_FILE: '', LOG_LEVEL: 'warn' }
  const shown = viewSettings({ flags, env }, new Set(['web.enable-lifecycle']))
  t.same(shown, [
    { name: '--web.listen-address', value: ':9000', from: 'flag' },
    { name: '--storage.seed-url', value: 'https://<secret>@peer/?…', from: 'flag' },
    { name: 'LOG_LEVEL', value: 'warn', from: 'environment' },
    { name: 'INVENTORY_URL', value: 'http://inventory/list?…', from: 'environment' },
    { name: '--web.enable-lifecycle', value: 'true', from: 'flag' },
  ])
})

t.test('the loader shows the file that is in force', async (t) => {
  const folder = t.testdir({
    'rollcall.yml': 'sources:\n  - name: a # why\n    file: { files: ["*.json"] }\n',
  })
  const files = createFiles({ clock: systemClock })
  t.teardown(() => files.close())
  const path = `${folder}/rollcall.yml`
  const { view } = await loadSettings(readArguments([`--config.file=${path}`]), {}, files)
  t.same(view.settings, [{ name: '--config.file', value: path, from: 'flag' }])
  t.equal(view.configuration?.file, path)
  t.match(view.configuration?.yaml, /name: a\n/)
})
