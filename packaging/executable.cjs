// What the single executable begins with (Node.js's single executable applications): it unpacks the program, once for each
// version, into a folder of the user's cache, and runs it from there. Threads and files are then found as everywhere else.
'use strict'
const { mkdirSync, mkdtempSync, renameSync, lstatSync, rmSync, writeFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { homedir, tmpdir } = require('node:os')
const { dirname, join } = require('node:path')
const { getAsset, getRawAsset } = require('node:sea')
const { gunzipSync } = require('node:zlib')

/** Where it may be unpacked: the user's cache, or where there is none that can be written, a temporary folder of the user's own. */
function folders() {
  const { XDG_CACHE_HOME } = process.env
  const own = `rollcall-${process.getuid()}`
  return [join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'rollcall'), join(tmpdir(), own)]
}

/** @returns the folder with the program, which nobody else can have written */
function unpacked(base) {
  mkdirSync(base, { recursive: true, mode: 0o700 })
  assertOwn(base)
  const folder = join(base, getAsset('name', 'utf8'))
  if (!isThere(folder)) unpack(base, folder)
  assertOwn(folder)
  return folder
}

function isThere(path) {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function assertOwn(path) {
  const { uid, mode } = lstatSync(path)
  if (uid !== process.getuid() || (mode & 0o022) !== 0) throw new Error(`${path} belongs to, or may be written by, others`)
}

/** Another process may do the same: the folder has its name once it is whole, and the first one stays. */
function unpack(base, folder) {
  const work = mkdtempSync(join(base, 'new-'))
  try {
    const bytes = gunzipSync(new Uint8Array(getRawAsset('files')))
    let at = 0
    for (const [path, length] of JSON.parse(getAsset('index', 'utf8'))) {
      mkdirSync(dirname(join(work, path)), { recursive: true })
      writeFileSync(join(work, path), bytes.subarray(at, at + length))
      at += length
    }
    renameSync(work, folder)
  } catch (error) {
    rmSync(work, { recursive: true, force: true })
    if (!isThere(folder)) throw error
  }
}

function run() {
  const reasons = []
  for (const base of folders()) {
    try {
      const cli = join(unpacked(base), 'dist/cli.js')
      return createRequire(cli)(cli)
    } catch (error) {
      reasons.push(error.message)
    }
  }
  process.stderr.write(`rollcall: cannot unpack itself: ${reasons.join('; ')}; set XDG_CACHE_HOME to a folder that may be written\n`)
  process.exitCode = 1
}

// A process that ends for sure starts its own program with this (src/commands/end-for-sure.ts); it has no other use of -e.
const [, , flag, code] = process.argv
if (flag === '-e') process.exitCode = Number(/^process\.exitCode = (\d+)$/.exec(code)?.[1] ?? 2)
else run()
