import { Writable } from 'node:stream'
import { WriteStream } from 'node:tty'
import t from 'tap'
import { painted } from '../../src/commands/colours.ts'
import { createProgress } from '../../src/commands/progress.ts'
import { until } from '../helpers/until.ts'

/** A stream that says that it is a terminal, or not. */
function terminal(isTTY: boolean) {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
  // Of a terminal that has colours, wherever this runs: CI has none.
  const getColorDepth = () =>
    WriteStream.prototype.getColorDepth.call(process.stdout, {
      TERM: 'xterm-256color',
      ...(process.env.NO_COLOR !== undefined && { NO_COLOR: process.env.NO_COLOR }),
    })
  return Object.assign(stream, { isTTY, getColorDepth })
}

t.test('what commands print is painted at a terminal only', async (t) => {
  const text =
    'SUCCESS: fine\nFAILED: not\nWARNING: odd\nsensors: 3 targets\n  verdict  served\n  "verdict": 1\n'
  // What the environment of this process says goes before what the stream says.
  const { NO_COLOR, FORCE_COLOR, NODE_DISABLE_COLORS } = process.env
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS']) delete process.env[name]
  t.teardown(() => {
    for (const [name, value] of Object.entries({ NO_COLOR, FORCE_COLOR, NODE_DISABLE_COLORS }))
      if (value !== undefined) process.env[name] = value
  })
  t.equal(painted(text, terminal(false)), text)
  t.equal(
    painted(text, terminal(true)),
    '\u001b[32mSUCCESS: fine\u001b[39m\n\u001b[31mFAILED: not\u001b[39m\n\u001b[33mWARNING: odd\u001b[39m\nsensors: 3 targets\n\u001b[1m  verdict  served\u001b[22m\n  "verdict": 1\n',
  )
  process.env.NO_COLOR = '1'
  t.equal(painted(text, terminal(true)), text)
  delete process.env.NO_COLOR
})

t.test('what takes long is said on one line, which is cleared at the end', async (t) => {
  const written: string[] = []
  const stream = { isTTY: true, columns: 24, write: (text: string) => written.push(text) }
  const progress = createProgress(stream, 5)
  progress.begin('sensors')
  progress.begin('others')
  await until('it is said', () => written.length >= 2)
  t.equal(written[0], '\r\u001b[Kreading sensors, others')
  progress.end('sensors')
  progress.end('others')
  t.equal(written.at(-1), '\r\u001b[K')
  const wide = createProgress({ ...stream, columns: undefined }, 1_000)
  const before = written.length
  wide.begin('quick')
  wide.end('quick')
  t.equal(written.length, before, 'nothing is said of what is quick')
  const silent = createProgress({ write: stream.write })
  silent.begin('a')
  silent.end('a')
  t.equal(written.length, before, 'nor where nobody watches')
})

t.test('the line says for how long', async (t) => {
  const written: string[] = []
  const progress = createProgress({ isTTY: true, write: (text) => written.push(text) }, 250)
  progress.begin('sensors')
  await until('a second is said', () => written.some((text) => text.endsWith('reading sensors: 1s')))
  progress.end('sensors')
  t.equal(written.at(-1), '\r\u001b[K')
})
