import { systemClock } from '../../src/base/clock.ts'
import { createFiles } from '../../src/base/files.ts'

/** The files of this machine, for tests that are about something else. */
export const diskFiles = createFiles({ clock: systemClock })
