import t from 'tap'
import { displayUrl, parseHttpUrl, replaceUserInfo } from '../../src/base/urls.ts'

t.test('a URL is shown without user, password and query', async (t) => {
  t.equal(displayUrl(new URL('http://user:secret@host:1337/a/b?token=secret')), 'http://host:1337/a/b?…')
  t.equal(displayUrl(new URL('https://host/')), 'https://host/')
})

t.test('only absolute http and https URLs are taken', async (t) => {
  t.equal(parseHttpUrl('http://a:1/x')?.href, 'http://a:1/x')
  t.equal(parseHttpUrl('https://a')?.protocol, 'https:')
  for (const text of ['', 'a', '/a', 'ftp://a', 'file:///etc/passwd', 'http://', 'http://u%zz@a/']) {
    t.equal(parseHttpUrl(text), undefined, JSON.stringify(text))
  }
})

t.test('79: users in URLs are found anywhere in a text, in time that grows with it', async (t) => {
  const shown = (text: string) => replaceUserInfo(text, (userInfo) => `<${userInfo}>`)
  const rows = [
    ['see http://u:p@a/ and ftp://x@b', 'see http://<u:p>@a/ and ftp://<x>@b'],
    ['http://u:p/w?d#1@host', 'http://<u:p/w?d#1>@host'],
    ['http://host:80/a@b', 'http://host:80/a@b'],
    ['http://host:80/://u@b', 'http://host:80/://<u>@b'],
    ['a@b.example', 'a@b.example'],
    ['http:///@b', 'http:///@b'],
    ['no sign', 'no sign'],
  ] as const
  for (const [text, expected] of rows) t.equal(shown(text), expected, text)
  const before = performance.now()
  shown(`${'://a:'.repeat(100_000)}@${'://b'.repeat(100_000)}`)
  t.ok(performance.now() - before < 1_000)
})
