// Makes a backup in a folder, and keeps the last ones; says what was answered instead, and ends with 1.
import { createWriteStream } from 'node:fs'
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const [, url, folder, keep, tokenFile] = process.argv

async function download(to) {
  const headers = tokenFile ? { authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` } : {}
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(600_000) })
  if (answer.status !== 200) throw new Error(`${answer.status} ${(await answer.text()).trim()}`)
  await pipeline(Readable.fromWeb(answer.body), createWriteStream(to, { flush: true }))
}

try {
  // It has its name once it is whole.
  const unfinished = join(folder, 'new')
  await download(unfinished)
  const name = `rollcall-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}.backup`
  await rename(unfinished, join(folder, name))
  const names = (await readdir(folder)).filter((one) => /^rollcall-.*\.backup$/.test(one)).sort()
  for (const old of names.slice(0, -Number(keep))) await rm(join(folder, old))
  console.log(`${name}: ${(await stat(join(folder, name))).size} bytes`)
} catch (error) {
  console.error(`no backup of ${url}: ${error.cause?.message ?? error.message}`)
  process.exitCode = 1
}
