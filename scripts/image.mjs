// Builds the container image with labels that say what it is, and prints its size, layer by layer.
//
//   npm run tool -- image [--tag NAME, or any other flag of docker build]
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const tag = `rollcall:${version}`
const revision = spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' })
const epoch = process.env.SOURCE_DATE_EPOCH
const created = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)

docker(
  'inherit',
  'build',
  ...['--tag', tag],
  ...['--build-arg', `VERSION=${version}`],
  ...['--build-arg', `REVISION=${revision.status === 0 ? revision.stdout.trim() : 'unknown'}`],
  ...['--build-arg', `CREATED=${created.toISOString()}`],
  ...process.argv.slice(2),
  '.',
)

const layers = docker('pipe', 'history', '--human=false', '--format', '{{.Size}} {{.CreatedBy}}', tag)
  .trim()
  .split('\n')
  .map((line) => ({ bytes: Number.parseInt(line, 10), made: line.replace(/^\d+ /, '') }))
  .filter(({ bytes }) => bytes > 0)
  .reverse()
for (const { bytes, made } of layers) {
  console.log(`${megabytes(bytes)}  ${made.replace(/^.*#\(nop\) */, '').slice(0, 90)}`)
}
const total = Number(docker('pipe', 'image', 'inspect', '--format', '{{.Size}}', tag))
console.log(`${megabytes(total)}  ${tag}`)

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1).padStart(7)} MB`
}

function docker(output, ...args) {
  const { status, stdout, error } = spawnSync('docker', args, {
    stdio: ['ignore', output, 'inherit'],
    encoding: 'utf8',
  })
  if (status === 0) return stdout
  console.error(`rollcall: docker ${args[0]} failed${error === undefined ? '' : `: ${error.message}`}`)
  process.exit(1)
}
