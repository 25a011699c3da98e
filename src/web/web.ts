import type { RequestListener, Server } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { type FileLook, type Files, HangingFileError } from '../base/files.ts'
import type { LineLogger } from '../base/line-logger.ts'
import { createThreads } from '../base/threads.ts'
import { type Access, type AccessOptions, createAccess, type ReportRefusal } from './access.ts'
import { createTlsServers, type ServerLimits, type TlsOptions } from './tls.ts'

/** A web configuration file, checked, with the files that it names read. */
export interface WebFile {
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined
  readonly http2: boolean
  readonly access: AccessOptions
}

/** Reads the file anew; throws an Error that says what is wrong with it. All that it reads it reads with `files`. */
export type LoadWebFile = (files: Pick<Files, 'read'>) => Promise<WebFile>

/** What a web configuration file makes of a server. */
export interface Web {
  readonly access: Access
  /** Creates a server that speaks TLS; undefined: plain HTTP is what to speak. */
  readonly createServer: ((handler: RequestListener, limits: ServerLimits) => Server) | undefined
  /** Ends looking for changes, and the threads. */
  close(): Promise<void>
}

/** What is needed from outside. */
export interface WebDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  readonly files: Pick<Files, 'look' | 'read'>
  readonly log: Pick<LineLogger, 'info' | 'warn' | 'error'>
  readonly report: ReportRefusal
  /** Told whether the file, as it is now, is in force. */
  onReload(isInForce: boolean): void
}

/** How often is looked whether a file has changed, in milliseconds. */
const LOOK_MS = 1_000

/** What one thread that checks passwords may take, in MiB. */
const THREAD_LIMIT_MB = 64

/**
 * Puts a web configuration file in force, and each change of it and of the files that it names within about a second.
 * When what is new is of no use, what was in force stays so.
 * @throws what `load` throws, and an Error of OpenSSL
 */
export async function openWeb(load: LoadWebFile, deps: WebDeps): Promise<Web> {
  const { log, report } = deps
  const tracked = createTracked(deps.files)
  const first = await load(tracked)
  const servers = first.tls === undefined ? undefined : createTlsServers(first.tls, first.http2, report)
  const threads = createThreads(THREAD_LIMIT_MB, 1)
  const access = createAccess(first.access, { ...deps, threads })
  let isInForce = true
  let looking: Promise<void> = Promise.resolve()

  function apply(next: WebFile): void {
    if ((next.tls === undefined) !== (first.tls === undefined))
      throw new Error('tls_server_config came or went, which needs a restart')
    if (next.tls !== undefined && next.http2 !== first.http2)
      throw new Error('http_server_config.http2 changed, which needs a restart')
    if (next.tls !== undefined) servers?.apply(next.tls)
    access.configure(next.access)
  }

  async function reload(): Promise<void> {
    try {
      apply(await load(tracked))
      log.info('web configuration reloaded')
      isInForce = true
    } catch (error) {
      log.error({ error: messageOf(error) }, 'web configuration not reloaded; the old one stays')
      isInForce = false
    }
    deps.onReload(isInForce)
  }

  function lookSoon(): () => void {
    return deps.clock.after(LOOK_MS, () => {
      looking = tracked
        .hasChanged()
        .then((hasChanged) => (hasChanged ? reload() : undefined))
        .finally(() => {
          cancel = lookSoon()
        })
    })
  }

  deps.onReload(true)
  let cancel = lookSoon()
  return {
    access,
    createServer: servers?.create,
    async close() {
      cancel()
      await looking
      cancel()
      await access.close()
    },
  }
}

/** No mark of a file is the same. */
const HUNG = 'hung'

/** Reads files and knows whether any of those that were read last is another by now. */
function createTracked(files: WebDeps['files']) {
  let marks = new Map<string, string>()

  async function markOf(path: string): Promise<string> {
    // A file that cannot be looked at is told by who reads it.
    const look = await files.look(path).catch(() => undefined)
    return look === undefined ? '' : describe(look)
  }

  return {
    read: async (path: string, options?: Parameters<Files['read']>[1]) => {
      // Before it is read: what changes meanwhile is seen the next time.
      const mark = await markOf(path)
      marks.set(path, mark)
      return files.read(path, options).catch((error) => {
        // It has not changed when its disk answers again, and is to be read then.
        if (error instanceof HangingFileError) marks.set(path, HUNG)
        throw error
      })
    },
    async hasChanged(): Promise<boolean> {
      for (const [path, mark] of marks) {
        if ((await markOf(path)) === mark) continue
        marks = new Map()
        return true
      }
      return false
    },
  }
}

function describe({ dev, ino, size, mtimeNs, ctimeNs }: FileLook): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join()
}
