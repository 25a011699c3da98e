import type { SharedSource } from '../model/cluster.ts'
import type { FileError, SourceState } from '../snapshot/store.ts'
import { expiresMs } from '../snapshot/store.ts'
import type { HttpDeps } from './deps.ts'
import { notLoaded, tooOld } from './not-loaded.ts'

/** What notes need. */
export type NotesDeps = Pick<HttpDeps, 'store' | 'clock' | 'cluster'>

/** What keeps the targets of a source from whoever asks for them, although it has them, a sentence each. */
export function notesOf(name: string, { store, clock, cluster }: NotesDeps): string[] {
  const state = store.get(name)
  if (state === undefined) return []
  const nowMs = clock.monotonic()
  const shared = cluster?.statusOf(name)
  return [
    ...(isTooOld(state, nowMs) ? [`/targets answers 503: ${tooOld([state], nowMs).message}`] : []),
    ...Object.entries(state.fileErrors).map(describeFile),
    ...(shared === undefined ? [] : describeShared(name, shared)),
  ]
}

function isTooOld(state: SourceState, nowMs: number): boolean {
  return state.snapshot !== undefined && nowMs >= expiresMs(state)
}

/** What keeps the list of all sources from whoever asks for it; empty: nothing does. */
export function noteOfAll({ store }: Pick<NotesDeps, 'store'>): string[] {
  const { waitingFor } = store.combined()
  return waitingFor === undefined ? [] : [`/targets answers 503: ${notLoaded(waitingFor).message}`]
}

function describeFile([file, { path, error }]: [file: string, error: FileError]): string {
  const where = path === undefined ? '' : ` (${path})`
  return `${file}${where} cannot be written or read, so what is there may be old: ${error}`
}

/** How this replica is behind the others. */
function describeShared(name: string, { generation, newest, refused, isDetached }: SharedSource): string[] {
  const notes: string[] = []
  if (newest > generation)
    notes.push(
      `this replica serves generation ${generation} of ${name}, and the newest is ${newest}${refused === undefined ? '' : `: ${refused}`}`,
    )
  if (isDetached && generation > 0)
    notes.push(`the list of ${name} has changed on this replica, and the others were not told`)
  return notes
}
