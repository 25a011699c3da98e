// Installs the locked dependencies when they are missing or older than the lock file, so that
// `npm start` and `npm test` work in a fresh clone. It does nothing when everything is there.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'

const { engines } = JSON.parse(readFileSync('package.json', 'utf8'))
const oldest = engines.node.replace('>=', '')
const [major, minor] = process.versions.node.split('.').map(Number)
const [oldestMajor, oldestMinor] = oldest.split('.').map(Number)
if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
  console.error(`rollcall: Node.js ${process.versions.node} is too old; install ${oldest} or later`)
  process.exit(1)
}

const installed = 'node_modules/.package-lock.json'
const upToDate = existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs
if (!upToDate) {
  console.error('rollcall: installing dependencies (once)')
  // Development dependencies too, whatever NODE_ENV says: the build needs the compiler.
  const { status } = spawnSync(
    'npm',
    ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    },
  )
  if (status !== 0) {
    console.error('rollcall: npm ci failed; is the package registry reachable?')
    process.exit(1)
  }
}
