// What the release workflow needs to know, and a maintainer before a tag is pushed:
//
//   node scripts/release.mjs check v1.2.3    exit code 1 unless package, chart and changelog are of this version
//   node scripts/release.mjs notes v1.2.3    the section of the changelog
//   node scripts/release.mjs tags v1.2.3     the tags of the image: 1.2.3, 1.2, 1 and latest; a pre-release has its own only
import { readFileSync } from 'node:fs'

const [command, tag = ''] = process.argv.slice(2)
const version = tag.replace(/^v/, '')
const COMMANDS = { check, notes, tags }

if (!Object.hasOwn(COMMANDS, command ?? ''))
  fail(`write one of ${Object.keys(COMMANDS).join(', ')}, and a tag`)
if (!/^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(tag))
  fail(`the tag "${tag}" is not one such as v1.2.3 or v1.2.3-rc.1`)
COMMANDS[command]()

function check() {
  for (const path of ['package.json', 'package-lock.json']) {
    const { version: named } = JSON.parse(readFileSync(path, 'utf8'))
    if (named !== version) fail(`the tag is ${tag}, and ${path} says ${named}`)
  }
  const path = 'charts/rollcall/Chart.yaml'
  for (const [, key, named] of readFileSync(path, 'utf8').matchAll(/^(version|appVersion): (.*)$/gm)) {
    if (named !== version) fail(`the tag is ${tag}, and ${key} in ${path} is ${named}`)
  }
  section()
}

function notes() {
  console.log(section())
}

function tags() {
  const [major, minor] = version.split('.')
  const floating = version.includes('-')
    ? []
    : [`${major}.${minor}`, ...(major === '0' ? [] : [major]), 'latest']
  console.log([version, ...floating].join('\n'))
}

/** What the changelog says of the version: all below its heading, which may have a date, up to the next one. */
function section() {
  const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m).slice(1)
  const own = sections.filter((text) => {
    const [, named] = /^\[?([^\]\s]+)\]?(?: - \d{4}-\d{2}-\d{2})?$/.exec(text.split('\n')[0]) ?? []
    return named === version
  })
  if (own.length !== 1) fail(`CHANGELOG.md has ${own.length} headings "## ${version}", and needs one`)
  const text = own[0].replace(/^.*\n/, '').trim()
  if (text === '') fail(`CHANGELOG.md says nothing under "## ${version}"`)
  return text
}

function fail(why) {
  console.error(`rollcall: ${why}`)
  process.exit(1)
}
