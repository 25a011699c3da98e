// A load generator of its own: answers { url, seconds, headers } with the requests per second over ten connections.
// It uses autocannon, which costs less per request than an HTTP client that keeps every rule; so the server is
// what limits the throughput, and not the generator beside it.
import autocannon from 'autocannon'
import { answerMessages } from './ask-process.ts'

/** What load to put on what. */
export interface LoadOrder {
  readonly url: string
  readonly seconds: number
  readonly headers: Readonly<Record<string, string>>
}

/** What it showed. */
export interface LoadReport {
  readonly requests: number
  readonly requestsPerSecond: number
}

answerMessages(async ({ url, seconds, headers }: LoadOrder): Promise<LoadReport> => {
  const result = await autocannon({
    url,
    duration: seconds,
    connections: 10,
    headers: { ...headers },
    sampleInt: 50,
  })
  const wrong = result.non2xx + result.errors + result.timeouts
  if (wrong > 0) throw new Error(`${wrong} requests to ${url} failed`)
  // The duration has ten milliseconds; the total is of whole answers.
  return { requests: result.requests.total, requestsPerSecond: result.requests.total / result.duration }
})
