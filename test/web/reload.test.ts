import { join } from 'node:path'
import t from 'tap'
import { webFileLoader } from '../../src/config/web-file.ts'
import { openWeb } from '../../src/web/web.ts'
import { manualClock } from '../helpers/clock.ts'
import { recordingLog } from '../helpers/log.ts'
import { memoryFiles } from '../helpers/memory-files.ts'
import { until } from '../helpers/until.ts'

t.test('a file whose disk hung while it was read is read again, though it has not changed', async (t) => {
  const clock = manualClock()
  const files = memoryFiles({ clock })
  const folder = '/etc/web'
  const [path, token] = [join(folder, 'web.yml'), join(folder, 'token')]
  const put = (file: string, text: string) => files.write(file, Buffer.from(text), { makeFolder: true })
  await put(path, 'bearer_tokens: [{ name: a, token_file: token }]\n')
  await put(token, 'a'.repeat(32))
  let hangs = false
  // The disk hangs after it was looked at.
  const read: typeof files.read = (file, options) => {
    if (hangs && file === token) files.hang(token)
    return files.read(file, options)
  }
  const reloads: boolean[] = []
  const web = await openWeb(webFileLoader(path), {
    clock,
    files: { look: files.look, read },
    log: recordingLog().log,
    report: () => {},
    onReload(ok) {
      reloads.push(ok)
      if (ok) return
      // Before anybody looks again.
      hangs = false
      files.release(token)
    },
  })
  t.teardown(() => web.close())
  const reloaded = (count: number) =>
    until(`reload ${count}`, () => {
      clock.advance(1_000)
      return reloads.length >= count
    })
  await put(path, 'bearer_tokens: [{ name: b, token_file: token }]\n')
  hangs = true
  await reloaded(2)
  t.same(reloads, [true, false], 'it cannot be read')
  await until('it is read', () => {
    clock.advance(1_000)
    return reloads.at(-1) === true
  })
})
