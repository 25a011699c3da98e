#!/usr/bin/env node
import { catchHangups } from './commands/hangups.ts'

// Before anything else is loaded: a SIGHUP that nobody catches ends the process.
const hangups = catchHangups(process)
const { main } = await import('./commands/main.ts')
await main(process.argv.slice(2), hangups)
