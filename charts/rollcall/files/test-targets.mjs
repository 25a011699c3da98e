// Asks for targets until there is a list, for a minute; then says what was answered instead.
const url = process.argv[1]
const end = Date.now() + 60_000

async function ask() {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${answer.status} ${text.trim()}`)
  // Where users are asked for there is no more to see: every required source has a list.
  if (url.endsWith('/-/ready')) return 'its'
  const groups = JSON.parse(text)
  if (!Array.isArray(groups)) throw new Error(`not a list of target groups: ${text.slice(0, 200)}`)
  return groups.reduce((sum, group) => sum + group.targets.length, 0)
}

for (;;) {
  try {
    console.log(`${url} serves ${await ask()} targets`)
    break
  } catch (error) {
    const reason = error.cause?.message ?? error.message
    if (Date.now() > end) {
      console.error(`${url} serves no targets: ${reason}`)
      process.exitCode = 1
      break
    }
    console.log(`not yet: ${reason}`)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
}
