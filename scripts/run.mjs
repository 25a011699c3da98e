// Runs a tool of this repository, once its dependencies are installed and it is compiled:
//
//   npm run tool -- NAME [ARGUMENTS]    without a name: lists the tools
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

/** Each tool's file, what it is for, and whether it starts the program that people use, from dist/. */
const TOOLS = {
  bench: { file: 'build/bench/bench.js', dist: true, help: 'measures every figure of docs/performance.md' },
  'bench-sensor': { file: 'build/bench/sensor.js', dist: true, help: 'measures the sensor' },
  chaos: {
    file: 'build/test/chaos/chaos.js',
    dist: true,
    help: 'faults, kills and broken disks under a polling Prometheus',
  },
  curve: { file: 'build/bench/curve.js', dist: true, help: 'draws how cost grows' },
  docs: { file: 'build/test/helpers/write-docs.js', help: 'writes the pages that are made from code' },
  fleet: { file: 'build/test/fleet/fleet.js', dist: true, help: 'a hundred sensors, some of them killed' },
  golden: {
    file: 'build/test/conformance/golden.js',
    help: "writes what Prometheus's own relabelling answers",
  },
  image: {
    file: 'scripts/image.mjs',
    compile: false,
    help: 'builds the container image, and prints its size',
  },
  load: { file: 'build/bench/load.js', help: 'puts load on any server' },
  pictures: { file: 'build/test/helpers/take-pictures.js', help: 'takes the pictures of the pages' },
  shifting: { file: 'build/bench/shifting.js', help: 'pages of a list that shifts while it is read' },
  siege: {
    file: 'build/test/siege/run.js',
    dist: true,
    help: 'attackers, and one Prometheus that must not notice',
  },
  simulate: { file: 'build/test/simulation/cli.js', help: 'the real code on a virtual clock' },
  soak: {
    file: 'build/test/chaos/soak.js',
    dist: true,
    help: 'memory, descriptors and timers over many refreshes',
  },
}

const [name = '', ...args] = process.argv.slice(2)
const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined
if (tool === undefined) {
  const rows = Object.entries(TOOLS).map(([one, { help }]) => `  ${one.padEnd(14)}${help}`)
  console.error(`npm run tool -- NAME [ARGUMENTS]\n\n${rows.join('\n')}`)
  process.exit(2)
}
await import('./install.mjs')
if (tool.dist === true) compile('build')
if (tool.compile !== false) compile('build:test')
const file = resolve(tool.file)
process.argv = [process.execPath, file, ...args]
await import(file)

function compile(script) {
  const { status } = spawnSync('npm', ['run', '--silent', script], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(1)
}
