import { inspect } from 'node:util'
import t from 'tap'
import { concealedInPath, expandEnv, expandUrl, shownUrl } from '../../src/sources/resolving.ts'

const env = { USER: 'me', TOKEN: 'hunter2', EMPTY: '', ODD: '${USER} $& $1' }

t.test('variables are replaced once, and $${ is a literal ${', async (t) => {
  const rows = [
    ['plain $TOKEN $ {USER} {USER} $', 'plain $TOKEN $ {USER} {USER} $'],
    ['${USER}:${TOKEN}', 'me:hunter2'],
    ['$${USER}', '${USER}'],
    ['$$${USER}', '$${USER}'],
    ['a$${', 'a${'],
    ['${ODD}', '${USER} $& $1'],
  ] as const
  for (const [text, expanded] of rows) t.equal(expandEnv(text, env), expanded, text)
})

t.test('what cannot be replaced is an error that names the variable at most', async (t) => {
  t.throws(() => expandEnv('${NOT_SET}', env), { message: 'the environment variable NOT_SET is not set' })
  t.throws(() => expandEnv('${EMPTY}', env), { message: 'the environment variable EMPTY is set, but empty' })
  for (const text of ['${', '${}', '${USER', '${a-b}', '${1}', '${toString()}']) {
    t.throws(() => expandEnv(text, env), { message: /^contains "\$\{" without the name of a variable/ }, text)
  }
  t.throws(() => expandEnv('${toString}', env), { message: /toString is not set/ })
})

t.test('51: a URL does not show what variables, user, password and query hold', async (t) => {
  const [plain, expanded] = [
    expandUrl('http://user:hunter2@inventory/list?token=hunter2', env),
    expandUrl('http://${USER}:${TOKEN}@inventory/${TOKEN}', env),
  ]
  t.equal(plain.password + expanded.password + expanded.pathname, 'hunter2hunter2/hunter2')
  for (const shown of [inspect([plain, expanded]), JSON.stringify([plain, expanded])]) {
    t.notMatch(shown, 'hunter2')
    t.match(shown, 'http://inventory/list?…')
  }
})

t.test('what variables put into the path is known, for messages would show it', async (t) => {
  t.same(concealedInPath('http://${USER}@${USER}/v1/${TOKEN}/${USER}?x=${USER}', env), ['hunter2', 'me'])
  t.same(concealedInPath('http://inventory/$${USER}', env), [])
  t.same(concealedInPath('${USER}/x', env), [], 'a whole URL in a variable has a path that is no secret')
})

t.test('51: what is meant as a URL is shown without user, password and query', async (t) => {
  const rows = [
    ['ftp://user:hunter2@host/x?a=hunter2', '"ftp://…@host/x?…"'],
    ['user:hunter2@host', '"user:…@host"'],
    ['1:hunter2@host', '"…@host"'],
    ['inventory?x=hunter2', '"inventory?…"'],
    ['inventory', '"inventory"'],
  ] as const
  for (const [text, shown] of rows) t.equal(shownUrl(text), shown, text)
})
