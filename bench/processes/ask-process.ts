import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Scope } from '../../test/helpers/scope.ts'
import { ownChild } from './child.ts'

/** A helper process that answers each message with one. */
export interface Helper<Question, Answer> {
  readonly pid: number
  /** @throws Error when it cannot do what it is asked, or ends instead */
  ask(question: Question): Promise<Answer>
  stop(): Promise<void>
}

/** What goes over the channel back. */
type Reply<Answer> = { readonly answer: Answer } | { readonly error: string }

/** Starts a helper; the end of the scope kills it. */
export function startHelper<Question, Answer>(scope: Scope, program: string): Helper<Question, Answer> {
  const child = fork(program, { serialization: 'advanced' })
  const stop = ownChild(scope, child)
  return {
    pid: child.pid as number,
    async ask(question) {
      child.send(question as object)
      const controller = new AbortController()
      const { signal } = controller
      try {
        const reply = await Promise.race([
          once(child, 'message', { signal }).then(([message]) => message as Reply<Answer>),
          once(child, 'close', { signal }).then(() => ({ error: `${program} ended` })),
        ])
        if ('error' in reply) throw new Error(reply.error)
        return reply.answer
      } finally {
        controller.abort()
      }
    },
    stop,
  }
}

/** The other side: answers every message, one at a time. */
export function answerMessages<Question, Answer>(work: (question: Question) => Promise<Answer>): void {
  process.on('message', async (question: Question) => {
    const reply: Reply<Answer> = await work(question).then(
      (answer) => ({ answer }),
      (error) => ({ error: error instanceof Error ? error.message : String(error) }),
    )
    process.send?.(reply)
  })
  // Without the process that asks there is nothing to do.
  process.on('disconnect', () => process.exit())
}
