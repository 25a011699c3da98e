import t from 'tap'
import { displayUrl, parseHttpUrl } from '../../src/base/urls.ts'

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
