import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { anchorsOf, linksOf, markdownFiles } from '../helpers/markdown.ts'

const FILES = markdownFiles('.')

t.test('there are pages to judge', async (t) => {
  for (const page of [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'docs/README.md',
    'examples/README.md',
  ]) {
    t.ok(FILES.includes(page), page)
  }
})

for (const file of FILES) {
  t.test(`every link of ${file} leads somewhere`, async (t) => {
    for (const link of linksOf(readFileSync(file, 'utf8'))) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? file : normalize(join(dirname(file), path))
      t.ok(existsSync(target), link)
      if (anchor === undefined || !target.endsWith('.md') || !existsSync(target)) continue
      t.ok(anchorsOf(readFileSync(target, 'utf8')).has(anchor), link)
    }
  })
}

t.test('the index of the documentation names every page of it', async (t) => {
  const named = linksOf(readFileSync('docs/README.md', 'utf8')).map((link) => normalize(join('docs', link)))
  for (const page of FILES.filter((file) => /^docs\/[^/]+\.md$/.test(file) && file !== 'docs/README.md')) {
    t.ok(named.includes(page), page)
  }
})

t.test('anchors are those that GitHub makes of headings', async (t) => {
  const page = '# One\n\n## `<tls_config>`\n\n## 503 from /targets\n\n```sh\n# no heading\n```\n\n## One\n'
  t.same([...anchorsOf(page)], ['one', 'tls_config', '503-from-targets', 'one-1'])
  t.same(linksOf('[a](b.md#c) ![d](e.png) `[x](y)` [z](https://example.com)\n```\n[q](r)\n```\n'), [
    'b.md#c',
    'e.png',
  ])
})
