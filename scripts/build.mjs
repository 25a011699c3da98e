// Bundles the program of src/: a start that loads hundreds of files takes twice the CPU time.
//
//   npm run build    checks the types, and writes dist/
//   node scripts/build.mjs [FOLDER]
//
// package.json has an exact version of esbuild, since before 1.0 each minor one may change what it writes.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

/**
 * What every start of a server loads. They stay dependencies, so that audits and scanners see them. The others are loaded late,
 * and from node_modules.
 */
const BUNDLED = [
  '@fastify/under-pressure',
  'close-with-grace',
  'fastify',
  'lru-cache',
  'pino',
  'prom-client',
  'undici',
]

process.chdir(resolve(import.meta.dirname, '..'))
const [, , folder] = process.argv
const outdir = resolve(folder ?? 'dist')
const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))

const { metafile } = await build({
  entryPoints: ['src/cli.ts', ...threadModules()],
  outbase: 'src',
  outdir,
  chunkNames: 'chunks/[name]-[hash]', // one folder below the root, see src/base/module-url.ts
  bundle: true,
  splitting: true, // what the code loads late stays in files of its own
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
  banner: {
    // For packages in CommonJS, which load the modules of Node.js with it.
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  // V8 keeps the text: without blanks 1.5 MB less are resident. Names stay, and lines are short enough for stack traces.
  minifyWhitespace: true,
  lineLimit: 120,
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
})
const licences = join(outdir, 'licences.txt')
writeFileSync(licences, licencesOf(Object.keys(metafile.inputs)))
// Another folder may have files of others.
if (folder === undefined)
  removeOthers(new Set([licences, ...Object.keys(metafile.outputs).map((path) => resolve(path))]))

/** The sources of the modules that threads load: each is an entry point. */
function threadModules() {
  return readdirSync('src', { recursive: true })
    .filter((path) => /\.tsx?$/.test(path))
    .flatMap((path) => [...readFileSync(join('src', path), 'utf8').matchAll(/\bmoduleUrl\('([^']+)\.js'\)/g)])
    .map(([, path]) => `src/${path}.ts`)
}

/** The licences of the packages that these files are from. */
function licencesOf(files) {
  const packages = files.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [])
  return [...new Set(packages)]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
      return [
        `${name} ${version} (${license})`,
        ...texts.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim()),
      ].join('\n\n')
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`)
    .concat('\n')
}

/** Removes what earlier builds have left. */
function removeOthers(written) {
  for (const entry of readdirSync(outdir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isDirectory() && !written.has(path)) rmSync(path)
  }
}
