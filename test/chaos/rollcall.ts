import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start } from '../helpers/cli.ts'
import type { Scope } from '../helpers/scope.ts'
import { MAX_RESPONSE_BYTES } from './faults.ts'
import type { Model } from './model.ts'

const config = (inventory: string) => `
global: { refresh_interval: 500ms, timeout: 1500ms }
sources:
  - name: chaos
    http:
      url: ${inventory}
      max_response_size: ${MAX_RESPONSE_BYTES}B
      pagination: { next_url: next, total: total, items: items, max_pages: 20 }
    records: items
    labels: { site: "{site}" }
`

/** A Rollcall process that is killed and started again on one storage folder, which can break. */
export function createRollcall(scope: Scope, model: Model, inventory: string) {
  const folder = scope.testdir()
  const file = join(folder, 'rollcall.yml')
  writeFileSync(file, config(inventory))
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
    const path = join(folder, `data-${++folders}`)
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
      const next = await start(scope, [`--config.file=${file}`, `--storage.path=${storage}`])
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
    /** The disk is full, or gone: nothing can be read or written. */
    breakStorage(how: 'a file' | 'a dangling link') {
      model.storage(false)
      point(join(folder, how === 'a file' ? 'file' : 'nowhere'))
    },
    mendStorage(how: 'as it was' | 'empty') {
      if (how === 'empty') {
        kept = newFolder()
        model.losesKept()
      }
      point(kept)
      model.storage(true)
    },
  }
}

export type Rollcall = ReturnType<typeof createRollcall>
