import { request } from 'node:http'

/** What a server said; without an answer the status is why. */
export interface Answer {
  readonly status: number | string
  readonly body: string
}

/**
 * One request over a connection of its own. Not fetch: when a container's port is there before its server is,
 * fetch of Node.js 20 neither answers nor fails.
 */
export function get(url: string): Promise<Answer> {
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException) => resolve({ status: error.code ?? error.message, body: '' })
    const asked = request(url, { agent: false }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body })).on('error', fail)
    })
    asked.on('error', fail).end()
  })
}
