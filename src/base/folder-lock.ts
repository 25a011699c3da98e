import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { StartError } from './errors.ts'
import type { Files } from './files.ts'

/** The name of the lock in a folder. */
export const LOCK = 'lock'

/** A held lock. */
export interface FolderLock {
  /** Lets another process use the folder; never fails. */
  release(): Promise<void>
}

type FolderFiles = Pick<Files, 'look' | 'makeFolder' | 'remove' | 'rename'>

/** The delay after which a lock that replaced another one is checked again, in milliseconds. */
const SETTLE_MS = 100

/** The longest socket path, in bytes; every platform allows a few more. */
const MAX_PATH_BYTES = 90

/**
 * Locks a folder for this process, and makes it if it is missing. The lock is a listening Unix socket in the
 * folder: it ends with its process, however that ends, and containers that share the folder of one machine
 * see it. The leftover of a killed process is replaced.
 * @param onFailure called when it is unknown whether another process uses the folder
 * @returns undefined after a failure
 * @throws StartError when another process uses the folder
 */
export async function lockFolder(
  files: FolderFiles,
  folder: string,
  onFailure: (error: unknown) => void,
): Promise<FolderLock | undefined> {
  try {
    return await lock(files, folder)
  } catch (error) {
    if (error instanceof StartError) throw error
    onFailure(error)
    return undefined
  }
}

async function lock(files: FolderFiles, folder: string): Promise<FolderLock> {
  const path = join(folder, LOCK)
  if (Buffer.byteLength(shortened(path)) > MAX_PATH_BYTES)
    throw new Error(`${path} is longer than the ${MAX_PATH_BYTES} bytes that the path of a socket may have`)
  // Binding waits for the file system on the main thread, so first make sure that it responds.
  await files.makeFolder(folder)
  const id = randomUUID()
  let server = await listen(path, id)
  const isContested = server === undefined
  while (server === undefined) {
    if (await isListening(path)) throw inUse(folder)
    await removeLeftover(files, folder)
    server = await listen(path, id)
  }
  // Another process that replaces the leftover may have moved this lock away and back over a newer one.
  if (isContested) {
    await delay(SETTLE_MS)
    if ((await text(connect(shortened(path)))) !== id) throw inUse(folder)
  }
  return createLock(files, path, server)
}

async function createLock(files: FolderFiles, path: string, server: Server): Promise<FolderLock> {
  const own = await files.look(path)
  return {
    async release() {
      const now = await files.look(path).catch(() => undefined)
      // Closing removes the file on the main thread: skip it if the file system hangs, or the file is of
      // another process.
      if (now !== undefined && now.ino === own?.ino) await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Moves the leftover away first: if another process replaced it meanwhile, its lock is moved back. */
async function removeLeftover(files: FolderFiles, folder: string): Promise<void> {
  const path = join(folder, LOCK)
  const found = await files.look(path)
  if (found === undefined) return
  if (found.kind !== 'pipe or device') throw new Error(`${path} is a ${found.kind}, not a lock of Rollcall`)
  const aside = `${path}.${randomUUID().slice(0, 8)}`
  if (!(await isMoved(files, path, aside))) return
  if (await isListening(aside)) {
    await files.rename(aside, path)
    throw inUse(folder)
  }
  await files.remove(aside)
}

/** Moves a file; false if it no longer exists. */
async function isMoved(files: FolderFiles, from: string, to: string): Promise<boolean> {
  try {
    await files.rename(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function inUse(folder: string): StartError {
  return new StartError(
    `--storage.path: ${folder} is in use by another Rollcall; stop that one, or choose another folder: two servers would overwrite each other's files`,
  )
}

/** The relative path from the working folder, if it is shorter. */
function shortened(path: string): string {
  const short = relative('.', path)
  return short.length < path.length ? short : path
}

/** @returns undefined when the path is in use */
async function listen(path: string, id: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.on('error', () => {}).end(id)).unref()
  try {
    await once(server.listen(shortened(path)), 'listening')
    return server
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
}

/** The connection errors when no process listens at a path, or nothing is there. */
const NOBODY = new Set(['ECONNREFUSED', 'ENOENT'])

/** Whether a process listens at a path. @throws Error when it is unknown */
async function isListening(path: string): Promise<boolean> {
  const socket = connect(shortened(path))
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    socket.once('connect', () => resolve(undefined)).once('error', resolve)
  })
  socket.destroy()
  if (error !== undefined && !NOBODY.has(String(error.code))) throw error
  return error === undefined
}
