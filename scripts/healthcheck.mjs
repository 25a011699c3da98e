// The health check of the container image: exit code 0 when the server in this container works.
//
//   node scripts/healthcheck.mjs [URL]
//
// Without a URL it asks /-/healthy where the container's own process was told to listen: by the flag of its
// command line, else by $LISTEN_ADDRESS, else at the default.
import { readFileSync } from 'node:fs'
import { get } from 'node:http'

const [, , given] = process.argv
const url = given ?? `http://${listenAddress()}/-/healthy`

const request = get(url, { timeout: 2_500, agent: false }, (response) => {
  response.resume()
  if (response.statusCode !== 200) fail(`it answered ${response.statusCode}`)
  response.on('end', () => process.exit())
})
request.on('timeout', () => request.destroy(new Error('no answer in time')))
request.on('error', (error) => {
  fail(error.message)
  process.exit()
})

function fail(why) {
  process.exitCode = 1
  console.error(`${url}: ${why}`)
}

function listenAddress() {
  const flag = '--web.listen-address='
  const words = readFileSync('/proc/1/cmdline', 'utf8').split('\0')
  const told = words.findLast((word) => word.startsWith(flag))?.slice(flag.length)
  const address = told ?? process.env.LISTEN_ADDRESS ?? ':8080'
  // An empty host and the two addresses for "anywhere" are reached at loopback.
  return address.replace(/^(0\.0\.0\.0|\[::\])?:(?=\d+$)/, 'localhost:')
}
