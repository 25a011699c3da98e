// The least that a refresh can cost: bytes to text to values, in a process that has done nothing else, as a refresh
// begins with bytes too. Argument: the URL of the inventory; prints the seconds. Reading it is not counted.
const [url] = process.argv.slice(2) as [string]
const body = Buffer.from(await (await fetch(url)).arrayBuffer())
const began = performance.now()
const value = JSON.parse(body.toString()) as unknown[]
const seconds = (performance.now() - began) / 1000
console.log(JSON.stringify({ seconds, bytes: body.byteLength, records: value.length }))
