import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createFiles } from '../../src/base/files.ts'
import { createMemory, readSealed, readSealedParts, sealed, writeSealed } from '../../src/base/sealed-file.ts'
import { manualClock } from '../helpers/clock.ts'
import { recordingLog } from '../helpers/log.ts'
import { memoryFiles } from '../helpers/memory-files.ts'

t.test('32: a sealed file is read as it was written, or refused', async (t) => {
  const files = createFiles({ clock: manualClock() })
  t.teardown(() => files.close())
  const path = join(t.testdir(), 'made', 'when needed')
  t.equal(await readSealed(files, path), undefined, 'nothing at first')
  await writeSealed(files, path, [Buffer.from('one\n'), Buffer.from([0, 255])])
  t.same(await readSealed(files, path), Buffer.from([...Buffer.from('one\n'), 0, 255]))
  const good = readFileSync(path)
  const line = good.indexOf('\n') + 1
  const seal = good.toString('utf8', 0, line)
  for (const [bytes, message] of [
    [good.subarray(0, -1), /its digest differs/],
    [good.subarray(0, line), /its digest differs/],
    [Buffer.concat([good, good]), /its digest differs/],
    [Buffer.from(`${seal.replace('"sha256"', '"digest"')}one`), /its digest differs/],
    [Buffer.from('{"format":3}\n'), /has the format 3, not 4: another version wrote it/],
    [Buffer.from('{"format":'), /is damaged: its first line has no format/],
    [Buffer.from('[]'), /is damaged: its first line has no format/],
    [Buffer.alloc(0), /is damaged: its first line has no format/],
  ] as const) {
    writeFileSync(path, bytes)
    await t.rejects(readSealed(files, path), { message }, `${bytes.byteLength} bytes`)
  }
})

t.test(
  '31, 32: what was appended is read too; a part that was not written to its end is left out',
  async (t) => {
    const files = createFiles({ clock: manualClock() })
    t.teardown(() => files.close())
    const path = join(t.testdir(), 'file')
    t.equal(await readSealedParts(files, path), undefined)
    const parts = ['one\n', '', 'three'].map((text) => Buffer.from(text))
    const bytes: Buffer[] = []
    for (const part of parts) bytes.push(Buffer.concat(await sealed([part])))
    const [one, two, three] = bytes as [Buffer, Buffer, Buffer]
    writeFileSync(path, Buffer.concat([one, two, three]))
    t.same(await readSealedParts(files, path), { parts, isCut: false })
    const cut = { parts: parts.slice(0, 2), isCut: true }
    for (let length = 1; length < three.length; length++) {
      const zeros = Buffer.alloc(three.length - length)
      for (const left of [
        [three.subarray(0, length)],
        [three.subarray(0, length), zeros],
        [zeros, three.subarray(three.length - length)],
      ]) {
        writeFileSync(path, Buffer.concat([one, two, ...left]))
        t.same(await readSealedParts(files, path), cut, `${length} bytes of it`)
      }
    }
    const wrong = Buffer.from(three.toString().replace('three', 'thref'))
    writeFileSync(path, Buffer.concat([one, two, wrong]))
    t.same(await readSealedParts(files, path), cut, 'modified')
    for (const [bytes, message] of [
      [[wrong, two], /its digest differs/],
      [[one, wrong, two], /its digest differs/],
      [[one, Buffer.from('no seal\n'), two], /is damaged: its first line has no format/],
      [[one, Buffer.from(three.toString().replace('"format":4', '"format":5')), two], /has the format 5/],
    ] as const) {
      writeFileSync(path, Buffer.concat(bytes))
      await t.rejects(readSealedParts(files, path), { message })
    }
  },
)

t.test('a sealed file of an earlier version does not say how long it is', async (t) => {
  const files = createFiles({ clock: manualClock() })
  t.teardown(() => files.close())
  const path = join(t.testdir(), 'file')
  await writeSealed(files, path, [Buffer.from('one\n')])
  writeFileSync(path, readFileSync(path, 'utf8').replace(',"bytes":4', ''))
  t.same(await readSealedParts(files, path), { parts: [Buffer.from('one\n')], isCut: false })
})

t.test('of values that wait to be kept the newest is written, as it is then', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  const { log, messages } = recordingLog()
  const memory = createMemory<number[]>(files, '/data/numbers', log)
  t.equal(await memory.load(), undefined)
  const made: number[] = []
  let value = 0
  for (let number = 1; number <= 5; number++) {
    value = number
    memory.keep(() => {
      made.push(number)
      return [value]
    })
  }
  value = 6
  await memory.settled()
  t.same(made, [5])
  t.same(await createMemory(files, '/data/numbers', log).load(), [6])
  t.same(messages(), [])
})

t.test('32, 33: a value that cannot be read or written is logged, and the next one is tried', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  const { log, messages } = recordingLog()
  files.makeFolder('/data')
  await files.write('/data/numbers', Buffer.from('[7]'))
  const memory = createMemory<number>(files, '/data/numbers', log)
  t.equal(await memory.load(), undefined)
  files.fail('/data', 'ENOSPC', ['write'])
  memory.keep(() => 1)
  await memory.settled()
  t.same(messages(), ['the stored state is not used', 'file not written'])
  files.fail('/data', undefined)
  memory.keep(() => 2)
  await memory.settled()
  t.equal(await memory.load(), 2)
})

t.test('without a path nothing is kept', async (t) => {
  const { log, messages } = recordingLog()
  const memory = createMemory<number>(memoryFiles({ clock: manualClock() }), undefined, log)
  memory.keep(() => 1)
  await memory.settled()
  t.equal(await memory.load(), undefined)
  t.same(messages(), [])
})
