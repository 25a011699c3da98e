import t from 'tap'
import { decode } from '../../src/pipeline/decode.ts'
import { document } from '../helpers/documents.ts'

t.test('JSON is read, with or without a byte order mark', async (t) => {
  t.same(decode(document('[1,"ü"]')), [1, 'ü'])
  t.same(decode(document('\ufeff{"a":1}')), { a: 1 })
})

t.test('anything else is refused, and the message shows how it begins', async (t) => {
  const rows: [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['empty', Buffer.alloc(0), /^the answer is empty$/],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/],
    ['HTML', Buffer.from('\n<!DOCTYPE html><html>'), /looks like HTML or XML; it begins with "\\n<!DOCTYPE/],
    ['cut short', Buffer.from('[{"a":1},{"b"'), /is not valid JSON; it begins with "\[{\\"a\\":1/],
    ['trailing text', Buffer.from('[] x'), /is not valid JSON/],
  ]
  for (const [what, bytes, message] of rows) {
    t.throws(() => decode(document(bytes)), { name: 'RefreshError', reason: 'parse', message }, what)
  }
})
