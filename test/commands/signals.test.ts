import { EventEmitter } from 'node:events'
import t from 'tap'
import { endForSure } from '../../src/commands/end-for-sure.ts'
import { catchHangups } from '../../src/commands/hangups.ts'

/** What a process is asked to do to itself, none of which it does. */
function platform({ isOld = false } = {}) {
  const done: unknown[][] = []
  const noting =
    (what: string) =>
    (...args: unknown[]) =>
      void done.push([what, ...args])
  return Object.assign(new EventEmitter(), {
    pid: 7,
    execPath: '/node',
    kill: noting('kill'),
    abort: noting('abort'),
    ...(isOld ? {} : { execve: noting('execve') }),
    done,
  })
}

t.test('82: a hangup before there is anything to reload is a reload once there is', async (t) => {
  const self = platform()
  const hangups = catchHangups(self as never)
  let reloads = 0
  self.emit('SIGHUP')
  self.emit('SIGHUP')
  hangups.use(() => reloads++)
  t.equal(reloads, 1, 'once, however many there were')
  self.emit('SIGHUP')
  t.equal(reloads, 2)
})

t.test('a hangup of what has nothing to reload is what it is to every process', async (t) => {
  const self = platform()
  catchHangups(self as never).release()
  t.equal(self.listenerCount('SIGHUP'), 0)
  t.same(self.done, [])
  const hangups = catchHangups(self as never)
  self.emit('SIGHUP')
  hangups.release()
  t.same(self.done, [['kill', 7, 'SIGHUP']], 'also when it came before')
})

t.test('a process ends with its code, or by a signal where the platform knows no other way', async (t) => {
  const self = platform()
  self.on('SIGTERM', () => {})
  endForSure(self as never, 3)
  t.same(self.done[0], ['execve', '/node', ['/node', '-e', 'process.exitCode = 3'], {}])
  t.equal(self.listenerCount('SIGTERM'), 0)
  for (const [code, signal] of [
    [0, 'SIGTERM'],
    [1, 'SIGKILL'],
  ] as const) {
    const old = platform({ isOld: true })
    endForSure(old as never, code)
    t.same(old.done, [['kill', 7, signal], ['abort']])
  }
})
