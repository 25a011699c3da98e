import type { RequestListener, Server } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { type FileLook, type Files, HangingFileError } from '../base/files.ts'
import type { LineLogger } from '../base/line-logger.ts'
import { createThreads } from '../base/threads.ts'
import { type Access, type AccessOptions, createAccess, type ReportRefusal } from './access.ts'
import { createTlsServers, type ServerLimits, type TlsOptions } from './tls.ts'

/** A checked web configuration, with the content of the files that it names. */
export interface WebFile {
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined
  readonly http2: boolean
  readonly access: AccessOptions
}

/** Reads the file; throws an Error that says what is wrong with it. It reads all files with `files`. */
export type LoadWebFile = (files: Pick<Files, 'read'>) => Promise<WebFile>

/** The web configuration of a server in effect. */
export interface Web {
  readonly access: Access
  /** Creates a TLS server; undefined: the server uses plain HTTP. */
  readonly createServer: ((handler: RequestListener, limits: ServerLimits) => Server) | undefined
  /** Stops the checks for changes, and the threads. */
  close(): Promise<void>
}

/** The dependencies of a web configuration. */
export interface WebDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  readonly files: Pick<Files, 'look' | 'read'>
  readonly log: Pick<LineLogger, 'info' | 'warn' | 'error'>
  readonly report: ReportRefusal
  /** Reports whether the current content of the file is in effect. */
  onReload(isInForce: boolean): void
}

/** The interval of checks whether a file has changed, in milliseconds. */
const LOOK_MS = 1_000

/** The memory limit of the thread that checks passwords, in MiB. */
const THREAD_LIMIT_MB = 64

/**
 * Applies a web configuration file. A change of it, or of the files that it names, takes effect within about a second.
 * If the new configuration cannot be used, the old one stays in effect.
 * @throws the errors of `load`, and an Error of OpenSSL
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
      throw new Error('tls_server_config was added or removed, which needs a restart')
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

/** A mark that differs from the mark of any file. */
const HUNG = 'hung'

/** Reads files, and detects whether a file has changed since it was last read. */
function createTracked(files: WebDeps['files']) {
  let marks = new Map<string, string>()

  async function markOf(path: string): Promise<string> {
    // The error of a missing file is reported when it is read.
    const look = await files.look(path).catch(() => undefined)
    return look === undefined ? '' : describe(look)
  }

  return {
    read: async (path: string, options?: Parameters<Files['read']>[1]) => {
      // Taken before the read, so that a change during the read is detected by the next check.
      const mark = await markOf(path)
      marks.set(path, mark)
      return files.read(path, options).catch((error) => {
        // The file must be read again when its disk responds, although it has not changed.
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
