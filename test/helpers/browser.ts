import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { findTool, missing } from './tools.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** A finding of axe-core: which rule, and where. */
export type Finding = readonly [rule: string, ...places: string[]]

/**
 * Starts Debian's Chromium; the test's end stops it.
 * @returns undefined when there is none, which is said loudly
 */
export async function startBrowser(t: Test): Promise<Browser | undefined> {
  const executablePath = findTool('chromium', 'CHROMIUM')
  if (missing(t, executablePath, 'chromium') || executablePath === undefined) return undefined
  // As root, which CI is, Chromium has no sandbox of its own.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  t.teardown(() => browser.close())
  return browser
}

/** What a page said on its console, and what it could not load. */
export function watchErrors(page: Page): readonly string[] {
  const errors: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('requestfailed', (request) => errors.push(`${request.url()}: ${request.failure()?.errorText}`))
  return errors
}

/** What axe-core finds on a page, by the rules of WCAG 2.2 AA and its own best practices. */
export async function findingsOf(page: Page): Promise<readonly Finding[]> {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { target: string[] }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations.map(
      ({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ target }) => target.join(' '))] as const,
    )
  })
}
