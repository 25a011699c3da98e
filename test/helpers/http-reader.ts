import type { Test } from 'tap'
import type { Clock } from '../../src/base/clock.ts'
import { createHttpSource, type HttpSourceOptions } from '../../src/sources/http/source.ts'
import type { Reading } from '../../src/sources/source.ts'
import { manualClock } from './clock.ts'
import { httpOptions } from './http-options.ts'

/** Reads an HTTP source with these options, over and over; the test's end closes it. */
export function httpReader(
  t: Test,
  url: URL,
  options: Partial<HttpSourceOptions> = {},
  clock: Clock = manualClock(),
): (signal?: AbortSignal) => Promise<Reading> {
  const source = createHttpSource(httpOptions(url, options), { clock, userAgent: 'Rollcall/test' })
  t.teardown(() => source.close())
  return (signal = new AbortController().signal) => source.read(signal)
}
