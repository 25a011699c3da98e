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

t.test('a long value in the query of a URL may be a secret', async (t) => {
  const redactor = createRedactor()
  redactor.noteQuery(new URL('http://inventory/?limit=1000&token=hunter2-hunter2'))
  t.equal(redactor.redact('1000 hunter2-hunter2'), '1000 <secret>')
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
