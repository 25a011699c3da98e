import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import type { Scope } from '../helpers/scope.ts'
import { MAX_RESPONSE_BYTES } from './faults.ts'
import { idOf, sitesOfBody } from './inventories.ts'
import type { Machine } from './machine.ts'
import type { Model, ModelGuard } from './model.ts'

/** What its configuration says of targets that are missing, so that what is held leaves soon. */
export const GUARD: ModelGuard = { holdMs: 2_500, maxDrop: 0.5, minTargets: 10 }

/** Where the inventories are, and what they are trusted for. */
export interface Wiring {
  readonly url: string
  readonly neighbour: string
  readonly caFile: string
}

const config = ({ url, neighbour, caFile }: Wiring) => `
global:
  refresh_interval: 500ms
  timeout: 1500ms
  guard: { hold: ${GUARD.holdMs}ms, hold_empty: ${GUARD.holdMs}ms }
sources:
  - name: chaos
    http:
      url: ${url}
      tls_config: { ca_file: ${caFile} }
      max_response_size: ${MAX_RESPONSE_BYTES}B
      pagination: { next_url: next, total: total, items: items, max_pages: 20 }
    records: items
    labels: { site: "{site}" }
  - name: neighbour
    required: false
    http: { url: "${neighbour}", tls_config: { ca_file: ${caFile} } }
`

/** A Rollcall process that is killed and started again on one storage folder, which can break or be full. */
export function createRollcall(scope: Scope, model: Model, machine: Machine, wiring: Wiring) {
  const folder = scope.testdir()
  const file = join(folder, 'rollcall.yml')
  writeFileSync(file, config(wiring))
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
      const next = await start(scope, [`--config.file=${file}`, `--storage.path=${storage}`], machine.env)
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
    /** A series of its metrics now, 0 when there is none. */
    async metric(name: string, labels: Record<string, string>): Promise<number> {
      const page = await (await fetch(`${running?.url}/metrics`)).text()
      return seriesValue(page, name, { source: 'chaos', ...labels }) ?? 0
    },
    /** What time it believes to be. */
    dateMs: async () => Date.parse(String((await fetch(`${running?.url}/health`)).headers.get('date'))),
    /** The id of the list that is kept; undefined when it cannot be told at this moment. */
    keptList(): string | undefined {
      try {
        const pointer = JSON.parse(readFileSync(join(storage, 'chaos.snapshot'), 'utf8')) as { file: string }
        return idOf(sitesOfBody(readFileSync(join(storage, pointer.file), 'utf8')))
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
