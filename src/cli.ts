#!/usr/bin/env node
import { catchHangups } from './commands/hangups.ts'
import { oldNodeText } from './commands/old-node.ts'

// Before anything else is loaded: a SIGHUP that nobody catches ends the process.
const hangups = catchHangups(process)
const oldNode = oldNodeText(process.versions.node)
if (oldNode === undefined) {
  // Not awaited here: Node.js that is too old must understand this file.
  void import('./commands/main.ts').then(({ main }) => main(process.argv.slice(2), hangups))
} else {
  process.stderr.write(oldNode)
  process.exitCode = 1
}
