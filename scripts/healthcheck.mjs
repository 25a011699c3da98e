// The health check of the container image: exit code 0 when the server in this container works.
//
//   node scripts/healthcheck.mjs [URL]
//
// Without a URL it asks /-/healthy where the container's own process was told to listen: by the flag of its
// command line, else by $LISTEN_ADDRESS, else at the default. A process with a web configuration file is asked over
// TLS first, whatever its certificate; one that wants a certificate of its clients works when it takes part in the
// handshake.
import { readFileSync } from 'node:fs'
import { get as getPlain } from 'node:http'
import { get as getTls } from 'node:https'

const [, , given] = process.argv
const hasFile = given === undefined && flagOf('web.config.file') !== undefined
const url = given ?? `${hasFile ? 'https' : 'http'}://${listenAddress()}/-/healthy`
ask(url)

function ask(url) {
  const get = url.startsWith('https:') ? getTls : getPlain
  let isSecured = false
  const request = get(url, { timeout: 2_500, agent: false, rejectUnauthorized: false }, (response) => {
    response.resume()
    if (response.statusCode !== 200) fail(`it answered ${response.statusCode}`)
    response.on('end', () => process.exit())
  })
  request.on('socket', (socket) => {
    socket.on('secureConnect', () => {
      isSecured = true
    })
  })
  request.on('timeout', () => request.destroy(new Error('no answer in time')))
  request.on('error', (error) => {
    // The file may have users only.
    if (hasFile && error.code === 'EPROTO') return ask(url.replace('https:', 'http:'))
    if (!isSecured || error.code !== 'ECONNRESET') fail(error.message)
    process.exit()
  })
}

function fail(why) {
  process.exitCode = 1
  console.error(`${url}: ${why}`)
}

function listenAddress() {
  const address = flagOf('web.listen-address') ?? process.env.LISTEN_ADDRESS ?? ':8080'
  // An empty host and the two addresses for "anywhere" are reached at loopback.
  return address.replace(/^(0\.0\.0\.0|\[::\])?:(?=\d+$)/, 'localhost:')
}

/** The value of a flag of the container's own process. */
function flagOf(name) {
  const flag = `--${name}=`
  const words = readFileSync('/proc/1/cmdline', 'utf8').split('\0')
  return words.findLast((word) => word.startsWith(flag))?.slice(flag.length)
}
