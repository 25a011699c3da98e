// Installs the locked dependencies when they are missing or older than the lock file, so that
// `npm start` and `npm test` work in a fresh clone. It does nothing when everything is there.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`rollcall: Node.js ${process.versions.node} is too old; install 20.19 or later`)
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
