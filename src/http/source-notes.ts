import type { SharedSource } from '../model/cluster.ts'
import { expiresMs, type FileError, type SourceState } from '../snapshot/store.ts'
import type { HttpDeps } from './deps.ts'
import { notLoaded, tooOld } from './not-loaded.ts'

/** What notes need. */
type NotesDeps = Pick<HttpDeps, 'store' | 'clock' | 'cluster'>

/** What an answer is about. */
export interface NotedAnswer {
  /** The source that was asked for; undefined: all of them. */
  readonly source: string | undefined
  /** The sources in which something was found. */
  readonly found: ReadonlySet<string>
}

/**
 * What keeps the targets of the sources that an answer is about from whoever asks for them, a sentence each. Who asks for one
 * source learns of no other.
 */
export function notesOf({ source, found }: NotedAnswer, deps: NotesDeps): string[] {
  const searched = source === undefined ? deps.store.list().map(({ name }) => name) : [source]
  return [
    ...[...found].flatMap((name) => notesOfSource(name, deps)),
    ...(found.size > 0 ? [...found] : searched).flatMap((name) => replicaNotes(name, deps)),
    ...(source === undefined && found.size > 0 ? waitingNotes(deps) : []),
    ...(source === undefined ? storeNotes(deps) : []),
  ]
}

function notesOfSource(name: string, { store, clock }: NotesDeps): string[] {
  const state = store.get(name)
  if (state === undefined) return []
  const nowMs = clock.monotonic()
  return [
    ...(isTooOld(state, nowMs) ? [`/targets answers 503: ${tooOld([state], nowMs).message}`] : []),
    ...Object.entries(state.fileErrors).map(describeFile),
  ]
}

function isTooOld(state: SourceState, nowMs: number): boolean {
  return state.snapshot !== undefined && nowMs >= expiresMs(state)
}

function describeFile([file, { path, error }]: [file: string, error: FileError]): string {
  const where = path === undefined ? '' : ` (${path})`
  return `${file}${where} cannot be written or read, so what is there may be old: ${error}`
}

/** How this replica is behind the others. */
function replicaNotes(name: string, { cluster }: NotesDeps): string[] {
  const shared = cluster?.statusOf(name)
  return shared === undefined ? [] : describeShared(name, shared)
}

function describeShared(name: string, { generation, newest, refused, isDetached }: SharedSource): string[] {
  const notes: string[] = []
  if (newest > generation || refused !== undefined) {
    const why = refused === undefined ? '' : `: ${refused}`
    notes.push(`this replica serves generation ${generation} of ${name}, and the newest is ${newest}${why}`)
  }
  if (isDetached && generation > 0)
    notes.push(`the list of ${name} has changed on this replica, and the others were not told`)
  return notes
}

function waitingNotes({ store }: NotesDeps): string[] {
  const { waitingFor } = store.combined()
  return waitingFor === undefined ? [] : [`/targets answers 503: ${notLoaded(waitingFor).message}`]
}

function storeNotes({ cluster }: NotesDeps): string[] {
  const failure = cluster?.status().failure
  return failure === undefined
    ? []
    : [`this replica does not reach the store, and may be behind the others: ${failure}`]
}
