import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkSync } from 'recheck'
import t from 'tap'
import ts from 'typescript'

/** How long one pattern may be looked at, in milliseconds. */
const TIMEOUT_MS = 60_000

/** The patterns that stand in a file of src, each with its line. */
function patternsIn(path: string): { line: number; source: string; flags: string }[] {
  const text = readFileSync(path, 'utf8')
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found: { line: number; source: string; flags: string }[] = []
  const visit = (node: ts.Node) => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1
      found.push({ line, source: node.text.slice(1, end), flags: node.text.slice(end + 1) })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

t.test('79: every pattern takes time in proportion to the text', { timeout: 200_000 }, async (t) => {
  const paths = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  )
  let count = 0
  for (const path of paths) {
    for (const { line, source, flags } of patternsIn(join('src', path))) {
      count++
      // What it knows of Unicode sets is what it knows of "u".
      const found = checkSync(source, flags.replace('v', 'u'), { timeout: TIMEOUT_MS })
      const told = found.status === 'unknown' ? found.error.kind : found.complexity.summary
      t.equal(found.status, 'safe', `${path}:${line}: /${source}/${flags}: ${told}`)
    }
  }
  t.ok(count > 150, `${count} patterns`)
  t.equal(checkSync('^(a+)+$', '').status, 'vulnerable', 'one that does not is found')
})
