import type { ComponentChildren } from 'preact'
import { printable } from '../base/printable.ts'
import { formatDuration } from '../model/duration.ts'

/** The parts around every page. */
export interface Frame {
  /** The name of the shown page in the navigation. */
  readonly current: PageName
  /** The prefix that makes a link relative to the root: '' or '../'. */
  readonly root: string
  readonly version: string
  /** The name of this replica; undefined: there is only one. */
  readonly replica: string | undefined
  /** Whether explanations are enabled. */
  readonly canExplain: boolean
  /** The text in the search box. */
  readonly query: string
  /** Problems of the server as a whole, one sentence each. */
  readonly alarms: readonly string[]
  /** The result of the last action. */
  readonly notice: string | undefined
  readonly nowMs: number
}

/** The pages, in the order of the navigation, with their paths below the root. */
export const PAGES = {
  Sources: '',
  Targets: 'ui/targets',
  Explain: 'ui/explain',
  Changes: 'ui/changes',
  Pollers: 'ui/pollers',
  Status: 'ui/status',
} as const

export type PageName = keyof typeof PAGES

/** The longest text that is shown, in UTF-16 units. */
const MAX_TEXT = 1_000

/** The URL of the runbooks. */
const RUNBOOKS = 'https://github.com/rollcall/rollcall/blob/main/docs/runbooks'

/** The whole page. */
export function Page({ frame, children }: { frame: Frame; children: ComponentChildren }) {
  const { current, root, version, replica, alarms, notice, nowMs, canExplain } = frame
  const pages = Object.entries(PAGES).filter(([name]) => canExplain || name !== 'Explain')
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${current} · Rollcall`}</title>
        <link rel="stylesheet" href={`${root}ui/style.css?v=${version}`} />
        <link rel="icon" href={`${root}ui/icon.svg`} type="image/svg+xml" />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <a class="brand" href={root === '' ? './' : root}>
            Rollcall
          </a>
          <nav aria-label="Pages">
            {pages.map(([name, path]) => (
              <a
                key={name}
                href={hrefOf(root, path)}
                {...(name === current && { 'aria-current': 'page' as const })}
              >
                {name}
              </a>
            ))}
          </nav>
          <SearchBox frame={frame} />
        </header>
        <main id="main" tabIndex={-1}>
          {alarms.map((alarm) => (
            <p key={alarm} class="note bad" role="alert">
              <Text>{alarm}</Text>
            </p>
          ))}
          {notice !== undefined && (
            <p class="note ok" role="status">
              {notice}
            </p>
          )}
          {children}
        </main>
        <footer>
          Rollcall {version}
          {replica !== undefined && (
            <>
              , replica <Text>{replica}</Text>
            </>
          )}
          . As of <Time iso={new Date(nowMs).toISOString()} />. <a href={`${root}metrics`}>Metrics</a>,{' '}
          <a href={`${root}health`}>health</a>, <a href={`${root}targets`}>the list that Prometheus gets</a>,{' '}
          <a href={`${root}api/v1/openapi.json`}>the API</a>.
        </footer>
      </body>
    </html>
  )
}

function SearchBox({ frame: { root, canExplain, query } }: { frame: Frame }) {
  return (
    <search>
      <form class="search" action={hrefOf(root, canExplain ? PAGES.Explain : PAGES.Targets)}>
        <label>
          <span class="hidden">Host, address, value or field=value</span>
          <input
            type="search"
            name="q"
            value={query}
            maxLength={256}
            required
            placeholder="Why is it a target, or not?"
          />
        </label>
        <button type="submit">{canExplain ? 'Explain' : 'Search'}</button>
      </form>
    </search>
  )
}

/** The relative URL of a page; an empty one, of the root, becomes './'. */
export function hrefOf(root: string, path: string): string {
  return `${root}${path}` === '' ? './' : `${root}${path}`
}

/** The URL of a page with parameters; undefined or empty ones are left out. */
export function linkTo(
  frame: Frame,
  page: PageName,
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const query = new URLSearchParams(given).toString()
  return hrefOf(frame.root, PAGES[page]) + (query === '' ? '' : `?${query}`)
}

/** Text from data: isolated in its direction, without characters that reorder or hide text, and shortened. */
export function Text({ children }: { children: string }) {
  const shown =
    children.length <= MAX_TEXT ? children : `${children.slice(0, MAX_TEXT).toWellFormed()}… (cut)`
  return <bdi>{printable(shown)}</bdi>
}

/** A time, in UTC to the second. */
export function Time({ iso }: { iso: string }) {
  return <time dateTime={iso}>{`${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`}</time>
}

/** The age of a time, with the time itself as a tooltip. */
export function Ago({ iso, nowMs }: { iso: string; nowMs: number }) {
  return (
    <time dateTime={iso} title={iso}>
      {agoText(nowMs - Date.parse(iso))}
    </time>
  )
}

/** Formats an age in its largest unit: `12s ago`. */
export function agoText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 1) return 'now'
  const unit = [86_400, 3_600, 60].find((one) => seconds >= one * 2) ?? 1
  return `${formatDuration(Math.floor(seconds / unit) * unit * 1000)} ago`
}

/** A number with thousands separators. */
export function Count({ of }: { of: number }) {
  return <>{of.toLocaleString('en-US')}</>
}

/** The severity of a state. */
export type Mood = 'ok' | 'warn' | 'bad' | 'idle'

/** A state in one word. */
export function Badge({ mood, children }: { mood: Mood; children: string }) {
  return <span class={`badge ${mood}`}>{children}</span>
}

/** A link to the runbook of an alert. */
export function Runbook({ alert }: { alert: string }) {
  return <a href={`${RUNBOOKS}/${alert}.md`}>{`Runbook ${alert}`}</a>
}

/** The columns that hold numbers. */
const NUMBERS = new Set([
  'Targets',
  'Records',
  'Quarantined',
  'Record',
  'Status',
  'Polls',
  'Joined',
  'Left',
  'Rule',
])

/** A table that scrolls on its own if it is too wide. */
export function Table({
  caption,
  head,
  children,
}: {
  caption: string
  head: readonly string[]
  children: ComponentChildren
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col" {...(NUMBERS.has(name) && { class: 'number' })}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}

/** A field of a form that chooses a source, or all. */
export function SourceField({ sources, chosen }: { sources: readonly string[]; chosen: string | undefined }) {
  return (
    <label>
      Source
      <select name="source">
        <option value="">all</option>
        {sources.map((name) => (
          <option key={name} value={name} selected={name === chosen}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

/** The row header of a target, which links to its explanation if explanations are enabled. */
export function TargetHead({
  address,
  text = address,
  source,
  frame,
}: {
  /** Empty for an event of several targets, which has no explanation. */
  address: string
  text?: string
  source: string
  frame: Frame
}) {
  return (
    <th scope="row" class="address">
      {frame.canExplain && address !== '' ? (
        <a href={linkTo(frame, 'Explain', { q: address.slice(0, 256), source })}>
          <Text>{text}</Text>
        </a>
      ) : (
        <Text>{text}</Text>
      )}
    </th>
  )
}

/** Labels, the internal ones last. */
export function Labels({ labels }: { labels: Readonly<Record<string, string>> }) {
  const pairs = Object.entries(labels)
  const sorted = [
    ...pairs.filter(([name]) => !isInternal(name)),
    ...pairs.filter(([name]) => isInternal(name)),
  ]
  return (
    <ul class="labels">
      {sorted.map(([name, value]) => (
        <li key={name} class={isInternal(name) ? 'internal' : undefined}>
          <Text>{`${name}="${value}"`}</Text>
        </li>
      ))}
    </ul>
  )
}

function isInternal(name: string): boolean {
  return name.startsWith('__')
}
