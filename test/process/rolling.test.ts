import { Agent, get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { loadBalancer } from '../helpers/load-balancer.ts'
import { until } from '../helpers/until.ts'

/** How one poll ended. */
interface Poll {
  readonly status: number | string
  readonly body: string
}

const poll = (url: string, agent: Agent) =>
  new Promise<Poll>((resolve) => {
    const asked = get(`${url}/targets`, { agent }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
      answer.on('error', (error) => resolve({ status: error.message, body }))
    })
    asked.on('error', (error) => resolve({ status: error.message, body: '' }))
  })

t.test('35: two instances behind a load balancer are replaced in turn, and not one poll fails', async (t) => {
  const inventory = await inventoryServer(t, ['a', 'b'])
  const balancer = await loadBalancer(t)
  const startOne = async () => {
    const one = await start(t, ['--web.drain-delay=1s'], { INVENTORY_URL: inventory.url.href })
    balancer.add(one.url)
    await until('the new one is ready', () => balancer.isReady(one.url))
    return one
  }
  const old = await Promise.all([startOne(), startOne()])

  // Prometheus keeps its connection; a balancer sends each new one elsewhere. Both must go well.
  const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: false })]
  t.teardown(() => {
    for (const agent of agents) agent.destroy()
  })
  const polls: Promise<Poll>[] = []
  const state = { polling: true }
  const polling = (async () => {
    while (state.polling) {
      polls.push(...agents.map((agent) => poll(balancer.url, agent)))
      await delay(100)
    }
  })()

  for (const one of old) {
    const next = await startOne()
    one.child.kill('SIGTERM')
    t.same(await one.ended, { code: 0, signal: null }, 'it ends by itself')
    balancer.remove(one.url)
    t.ok(balancer.isReady(next.url))
  }
  const before = polls.length
  await until('polls reach the new ones', () => polls.length >= before + 10)
  state.polling = false
  await polling
  const answers = await Promise.all(polls)
  t.ok(answers.length > 30, `${answers.length} polls`)
  t.same(
    answers.filter(({ status, body }) => status !== 200 || !body.includes('a:9100')),
    [],
  )
})
