import { HttpError } from '../../base/errors.ts'
import { parsePayload } from './parse.ts'
import { analyseNumbers, type NumericAnalysis } from './statistics.ts'
import { analyseText, type TextAnalysis } from './text.ts'

/** The response to `POST /payload`; null for a part that was not given. */
export interface Analysis {
  readonly numeric_analysis: NumericAnalysis | null
  readonly text_analysis: TextAnalysis | null
  /** Time for reading and analysing the body, in milliseconds with three decimals. */
  readonly processing_time_ms: number
}

/**
 * Reads and analyses the body of a payload.
 * @param monotonic milliseconds
 * @throws HttpError `bad_request` or `payload_too_large`
 */
export function analyse(body: Uint8Array, monotonic: () => number): Analysis {
  const startMs = monotonic()
  const { numbers, text } = parsePayload(body)
  const numeric = numbers === undefined ? null : analyseNumbers(numbers)
  if (numeric?.standard_deviation === Number.POSITIVE_INFINITY) {
    throw new HttpError(
      'bad_request',
      'numbers: their standard deviation is beyond 1.8e308, the largest supported number',
    )
  }
  return {
    numeric_analysis: numeric,
    text_analysis: text === undefined ? null : analyseText(text),
    processing_time_ms: Number((monotonic() - startMs).toFixed(3)),
  }
}
