#!/usr/bin/env node
import { catchHangups } from './commands/hangups.ts'
import { oldNodeText } from './commands/old-node.ts'

// Before anything else is loaded: a SIGHUP that nobody catches ends the process.
const hangups = catchHangups(process)
const oldNode = oldNodeText(process.versions.node)
if (oldNode === undefined) {
  // Not awaited here: Node.js that is too old must understand this file.
  void import('./commands/main.ts').then(({ main }) => main(process.argv.slice(2), hangups), notLoaded)
} else {
  process.stderr.write(oldNode)
  process.exitCode = 1
}

/* c8 ignore next 6 -- test/bundle.test.ts runs it in a copy without a file */
function notLoaded({ message }: Error): void {
  process.stderr.write(
    `rollcall: the program cannot be loaded: ${message}; install it again, or raise the limit of file descriptors (ulimit -n) if it was reached\n`,
  )
  process.exitCode = 1
}
