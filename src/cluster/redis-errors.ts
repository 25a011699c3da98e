import { ErrorReply } from 'redis'
import { messageOf } from '../base/errors.ts'
import { shownValue } from '../base/printable.ts'
import { GARBAGE, NEWER } from './redis-scripts.ts'
import { StoreError } from './store.ts'

/** What a server says when it refuses, by the first word of it, and what to do about it. */
const REFUSALS: Readonly<Record<string, string>> = {
  NOAUTH: 'it wants a password; set username and password_file',
  WRONGPASS: 'username or password is wrong, or the user is disabled; check username and password_file',
  OOM: 'the store is full; raise its maxmemory, or remove what else is in it',
  READONLY: 'it is a read-only replica; name the primary, or the Sentinels that know it',
  MISCONF: 'it cannot write to its disk, and so takes no writes; look at its log',
  NOREPLICAS: 'it has fewer replicas than its min-replicas-to-write wants; bring them back',
  LOADING: 'it is still loading what it has on disk; it will be there soon',
  BUSY: 'it is busy with a script of somebody; look at its SLOWLOG',
  MASTERDOWN: 'it is a replica that has lost its primary; bring the primary back, or fail over',
  CLUSTERDOWN: 'the cluster is down: a part of its keys has no primary; look at CLUSTER INFO',
  TRYAGAIN: 'the keys are being moved to another server; it will be there soon',
  ASK: 'the keys are being moved to another server; it will be there soon',
  MOVED: 'it is one server of a cluster; write cluster: [urls] instead of url',
  CROSSSLOT: 'the keys of one source are not on one server; a proxy stands between that ignores hash tags',
}

/** A server answered that it does not do it. What it says is kept from logs: it may quote a command and its password. */
export class Refusal extends StoreError {
  readonly #answer: string

  constructor(answer: string, where: string) {
    super(describeReply(answer, where))
    this.#answer = answer
  }

  /** Whether the answer begins with this code. */
  is(code: string): boolean {
    return this.#answer.split(' ', 1)[0] === code
  }

  /** The server of a cluster that has the keys, as `host:port`. */
  get movedTo(): string | undefined {
    return /^MOVED \d+ (\S+:\d{1,5})$/.exec(this.#answer)?.[1]
  }
}

/**
 * What went wrong with a store, for people.
 * @param where the address of the server
 */
export function storeError(thrown: unknown, where: string): StoreError {
  if (thrown instanceof StoreError) return thrown
  if (thrown instanceof ErrorReply) return new Refusal(thrown.message, where)
  // Without its cause, which may hold the command.
  return new StoreError(describeFailure(thrown, where))
}

function describeReply(answer: string, where: string): string {
  const [code = '', key = '', format = ''] = answer.split(' ')
  if (code === NEWER) return newerText(key, format)
  if (code === GARBAGE) return garbageText(key)
  if (code === 'NOPERM' || FORBIDDEN_IN_SCRIPT.test(answer)) return describeForbidden(answer, where)
  const why = Object.hasOwn(REFUSALS, code)
    ? REFUSALS[code]
    : 'look at its log, and whether it is Valkey or Redis, 7 or later'
  return `the store at ${where} refused (${shownCode(code)}): ${why}`
}

/** Codes are words in capitals; anything else may be part of a secret. */
const shownCode = (code: string) => (/^[A-Z]{1,20}$/.test(code) ? code : 'without a code')

/** What is said of something that a newer version stored. */
export function newerText(key: string, format: string): string {
  return `${key} in the store has format ${format.slice(0, 10)}, which only a newer Rollcall reads; upgrade this one, or set another key_prefix`
}

/** What Redis 7 and Valkey 8 say of a script that does what its user may not: without `NOPERM`. */
const FORBIDDEN_IN_SCRIPT =
  /^ERR (?:ACL failure in script|The user executing the script can't (?:run this command|access at least one))/

/** With the command, or the kind of thing, that the user may not use; of a command in a script Redis does not say which. */
function describeForbidden(answer: string, where: string): string {
  const command = /'([\w|-]{1,40})' command/.exec(answer)?.[1]
  const kind = /\b(key|channel)s?\b/.exec(answer)?.[1]
  const what = command ?? (kind === undefined ? 'a command of a script' : `these ${kind}s`)
  return `the store at ${where} refused (NOPERM): the user may not use ${what}; give it the rule of docs/cluster.md`
}

/** What is said of something that is stored, or was answered, and that Rollcall never wrote. */
export function garbageText(key: string): string {
  return `${shownValue(key)} in the store is not what Rollcall writes there; delete it, or set another key_prefix`
}

function describeFailure(thrown: unknown, where: string): string {
  const cause = thrown instanceof AggregateError ? (thrown.errors[0] ?? thrown) : thrown
  const message = messageOf(cause)
  if (/RESP|protocol/i.test(message))
    return `${where} does not answer as Valkey or Redis does; check the address, and whether it speaks TLS`
  return `the store at ${where} cannot be reached: ${message}`
}
