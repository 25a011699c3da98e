import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readKept } from '../../src/roll/kept.ts'
import { type Running, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import type { Scope } from '../helpers/scope.ts'
import { TTL_MS } from './devices.ts'
import { MAX_RESPONSE_BYTES } from './faults.ts'
import { DEVICES, idOf, readServed } from './inventories.ts'
import type { Machine } from './machine.ts'
import type { Model, ModelGuard } from './model.ts'

/** What its configuration says of targets that are missing, so that what is held leaves soon. */
export const GUARD: ModelGuard = { holdMs: 2_500, maxDrop: 0.5, minTargets: 10 }

/** Where the inventories are, and what they are trusted for. */
export interface Wiring {
  readonly url: string
  readonly neighbour: string
  readonly caFile: string
  /** Devices register with this token. */
  readonly token: string
}

/** Targets that are held, as `/health` shows them. */
export interface Held {
  readonly digest: string
  readonly reason: string
  readonly targets: number
}

/** What of its configuration changes. */
export interface Configured {
  /** The name of the main source. */
  readonly name: string
  /** What selects its records. */
  readonly records: string
}

const config = ({ url, neighbour, caFile }: Wiring, { name, records }: Configured, tokenFile: string) => `
global:
  refresh_interval: 500ms
  timeout: 1500ms
  guard: { hold: ${GUARD.holdMs}ms, hold_empty: ${GUARD.holdMs}ms }
sources:
  - name: ${name}
    http:
      url: ${url}
      tls_config: { ca_file: ${caFile} }
      max_response_size: ${MAX_RESPONSE_BYTES}B
      pagination: { next_url: next, total: total, items: items, max_pages: 20 }
    records: "${records}"
    labels: { site: "{site}" }
  - name: neighbour
    required: false
    http: { url: "${neighbour}", tls_config: { ca_file: ${caFile} } }
  - name: ${DEVICES}
    required: false
    push: { token_file: ${tokenFile}, ttl: ${TTL_MS}ms }
    labels: { site: hall }
`

/** A Rollcall process that is killed and started again on one storage folder, which can break or be full. */
export function createRollcall(scope: Scope, model: Model, machine: Machine, wiring: Wiring) {
  const folder = scope.testdir()
  const file = join(folder, 'rollcall.yml')
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, wiring.token)
  let configured: Configured = { name: 'chaos', records: 'items' }
  const write = () => writeFileSync(file, config(wiring, configured, tokenFile))
  write()
  // A link, so that the folder comes and goes in one step, whoever runs this.
  const storage = join(folder, 'data')
  let folders = 0
  let running: Running | undefined
  let epoch = 0
  let starts = 0

  function point(target: string): void {
    symlinkSync(target, `${storage}.new`)
    renameSync(`${storage}.new`, storage)
  }

  function newFolder(): string {
    const path = join(machine.disk.folder, `data-${++folders}`)
    mkdirSync(path)
    return path
  }

  async function health() {
    const answer = await fetch(`${running?.url}/health`)
    return (await answer.json()) as { sources: Record<string, { held: Held[] }>; removed: { held: Held[] } }
  }

  writeFileSync(join(folder, 'file'), 'not a folder')
  let kept = newFolder()
  point(kept)

  return {
    url: () => running?.url ?? '',
    epoch: () => epoch,
    isUp: () => running !== undefined,
    starts: () => starts,
    log: () => running?.err() ?? '',
    async start() {
      const flags = [`--config.file=${file}`, `--storage.path=${storage}`, '--web.enable-lifecycle']
      const next = await start(scope, flags, machine.env)
      starts += 1
      epoch += 1
      running = next
    },
    /** @returns once it is dead */
    async kill() {
      const killed = running
      running = undefined
      epoch += 1
      killed?.child.kill('SIGKILL')
      await killed?.ended
    },
    /** Changes its configuration, and asks for a reload of it. */
    async reload(change: Partial<Configured>, how: 'POST' | 'SIGHUP') {
      configured = { ...configured, ...change }
      write()
      if (how === 'SIGHUP') running?.child.kill('SIGHUP')
      else await fetch(`${running?.url}/-/reload`, { method: 'POST' })
    },
    /** How often this process has reloaded its configuration. */
    reloads: () => running?.err().split('"msg":"configuration reloaded"').length ?? 0,
    /** The name of the main source. */
    sourceName: () => configured.name,
    /** The targets of the main source that are held. */
    held: async (): Promise<readonly Held[]> => (await health()).sources[configured.name]?.held ?? [],
    /** The targets of removed sources that are held. */
    heldOfRemoved: async (): Promise<readonly Held[]> => (await health()).removed.held,
    /** Lets held targets leave; how many targets the main source has then, undefined when that is refused. */
    async accept(digest: string): Promise<number | undefined> {
      const answer = await fetch(`${running?.url}/-/accept?digest=${digest}`, { method: 'POST' })
      const { results } = (await answer.json()) as { results?: { targets: number }[] }
      return results?.[0]?.targets
    },
    /** A series of its metrics now, 0 when there is none. */
    async metric(name: string, labels: Record<string, string>): Promise<number> {
      const page = await (await fetch(`${running?.url}/metrics`)).text()
      return seriesValue(page, name, { source: configured.name, ...labels }) ?? 0
    },
    /** What time it believes to be. */
    dateMs: async () => Date.parse(String((await fetch(`${running?.url}/health`)).headers.get('date'))),
    /** The id of the list that is kept; undefined when it cannot be told at this moment. */
    async keptList(): Promise<string | undefined> {
      try {
        const files = { read: async (path: string) => readFileSync(path) }
        const kept = await readKept(files, storage, configured.name, { wallMs: 0, monotonicMs: 0 })
        return kept && idOf(readServed(Buffer.from(kept.roll.body).toString()).sites)
      } catch {
        return undefined
      }
    },
    /** The storage folder is gone: nothing can be read or written. */
    breakStorage(how: 'a file' | 'a dangling link') {
      model.storage('broken')
      point(join(folder, how === 'a file' ? 'file' : 'nowhere'))
    },
    /** The disk is full but for so many bytes. */
    fillStorage(bytesLeft: number) {
      model.storage('full')
      machine.disk.fill?.(bytesLeft)
    },
    mendStorage(how: 'as it was' | 'empty' | 'without lists') {
      const old = kept
      machine.disk.empty()
      if (how === 'empty') kept = newFolder()
      if (how === 'without lists') removeLists(kept)
      if (how !== 'as it was') model.losesKept()
      point(kept)
      model.storage('works')
      if (kept !== old) rmSync(old, { recursive: true, force: true })
    },
  }
}

/** Takes away the lists, but not what points at them. */
function removeLists(folder: string): void {
  for (const file of readdirSync(folder)) if (file.endsWith('.json')) rmSync(join(folder, file))
}

export type Rollcall = ReturnType<typeof createRollcall>
