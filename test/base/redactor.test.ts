import t from 'tap'
import { createRedactor } from '../../src/base/redactor.ts'
import { Secret } from '../../src/base/secret.ts'

t.test('what was revealed or noted is masked, also as it is written in a URL', async (t) => {
  const redactor = createRedactor()
  t.equal(await redactor.reveal(Secret.of('p:ss word')), 'p:ss word')
  redactor.note('t0ken')
  t.equal(redactor.redact('p:ss word, p%3Ass%20word, t0ken!'), '<secret>, <secret>, <secret>!')
})

t.test('a secret that begins another one does not leave the rest of it', async (t) => {
  const redactor = createRedactor()
  redactor.note('hunter')
  redactor.note('hunter2')
  t.equal(redactor.redact('hunter2'), '<secret>')
})

t.test('a secret is found however it is written', async (t) => {
  const rows: [secret: string, text: string, safe: string][] = [
    ['two  blanks\tand more', 'a two blanks and more!', 'a <secret>!'],
    [' hunter2 ', 'hunter2!', '<secret>!'],
    ['ab  ', 'ab ab  c', '<secret><secret>c'],
    ['Hunter2-Hunter2', 'HUNTER2-HUNTER2 hunter2-hunter2', '<secret> <secret>'],
    ['word', 'Word word', 'Word <secret>'],
    ['p:ss word', 'p%3ass%20word', '<secret>'],
    ['a"b\\c', JSON.stringify('is a"b\\c'), '"is <secret>"'],
    ['a.b*c(d[$', 'a.b*c(d[$ axb*c(d[$', '<secret> axb*c(d[$'],
    ['hunter2-hunter2', 'is hunter2-hun… and hunt…, hun…', 'is <secret>… and <secret>…, hun…'],
    ['two  blanks and', 'is Two blanks…', 'is <secret>…'],
  ]
  for (const [secret, text, safe] of rows) {
    const redactor = createRedactor()
    redactor.note(secret)
    t.equal(redactor.redact(text), safe, text)
  }
})

t.test('a long value in the query of a URL may be a secret', async (t) => {
  const redactor = createRedactor()
  redactor.noteQuery(new URL('http://inventory/?limit=1000&token=hunter2-hunter2'))
  t.equal(redactor.redact('1000 hunter2-hunter2'), '1000 <secret>')
})

t.test('what is in the body of a request may be a secret, whatever it is written in', async (t) => {
  const rows: [body: string, quoted: string, redacted: string][] = [
    ['{"token":"hunter2-hunter2","limit":10}', 'bad hunter2-hunter2, 10', 'bad <secret>, 10'],
    ['{"query":"{ devices(key: \\"hunter2-2\\") { hostname } }"}', 'hunter2-2 devices', '<secret> devices'],
    ['token=hunter2-hunter2&kind=device', 'hunter2-hunter2 device', '<secret> device'],
    ['devices of hunter2-2', 'devices of hunter2-2', 'devices of <secret>'],
    ['{"kind":"device"}', 'device', 'device'],
  ]
  for (const [body, quoted, redacted] of rows) {
    const redactor = createRedactor()
    redactor.noteBody(body)
    t.equal(redactor.redact(quoted), redacted, body)
  }
})

t.test('what is asked for, page by page, makes no secret forgotten', async (t) => {
  const redactor = createRedactor()
  redactor.note('hunter2')
  for (let page = 0; page < 300; page++) redactor.noteQuery(new URL(`http://a/?cursor=cursor-${page}`))
  t.equal(redactor.redact('hunter2 cursor-299'), '<secret> <secret>')
})

t.test('a very short value is left, for it is in the middle of ordinary words', async (t) => {
  const redactor = createRedactor()
  redactor.note('ab')
  t.equal(redactor.redact('about'), 'about')
})

t.test('values that were rotated away are forgotten in the end, those in use are not', async (t) => {
  const redactor = createRedactor()
  for (let count = 0; count < 300; count++) {
    redactor.note('in use')
    redactor.note(`token-${count}-`)
  }
  t.equal(redactor.redact('token-0- token-299- in use'), 'token-0- <secret> <secret>')
})
