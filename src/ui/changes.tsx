import type { ChangesAnswer, EventsAnswer } from '../http/api/answers.ts'
import {
  Badge,
  Count,
  type Frame,
  linkTo,
  type Mood,
  SourceField,
  Table,
  TargetHead,
  Text,
  Time,
} from './layout.tsx'

type Change = ChangesAnswer['changes'][number]
type Event = EventsAnswer['events'][number]

/** The data of the page of changes. */
export interface ChangesData {
  /** The last changes of the served lists, the newest first; undefined: not requested. */
  readonly changes: readonly Change[] | undefined
  /** The events of single targets; undefined: no history is kept. */
  readonly answer: EventsAnswer | undefined
  /** The parameters of the request. */
  readonly asked: Readonly<Record<'source' | 'target' | 'since' | 'before', string | undefined>>
  readonly sources: readonly string[]
}

/** The number of served targets over time, and the targets that joined, left and changed. */
export function ChangesPage({ data, frame }: { data: ChangesData; frame: Frame }) {
  const { changes, answer, asked, sources } = data
  return (
    <>
      <h1>Changes</h1>
      <form class="filter">
        <label>
          Part of an address
          <input type="search" name="target" value={asked.target ?? ''} maxLength={256} />
        </label>
        <SourceField sources={sources} chosen={asked.source} />
        <label>
          Since (3d, or a time in RFC 3339)
          <input name="since" value={asked.since ?? ''} />
        </label>
        <button type="submit">Search</button>
      </form>
      {changes !== undefined && <Chart changes={changes} frame={frame} />}
      {answer === undefined ? (
        <p>No history of targets is kept (--storage.history.retention.time is 0).</p>
      ) : (
        <Events answer={answer} asked={asked} frame={frame} />
      )}
    </>
  )
}

const MOODS: Readonly<Record<Event['kind'], Mood>> = { joined: 'ok', left: 'bad', changed: 'idle' }

function Events({
  answer: { events, next },
  asked,
  frame,
}: {
  answer: EventsAnswer
  asked: ChangesData['asked']
  frame: Frame
}) {
  if (events.length === 0) return <p>The history has no events of such targets.</p>
  return (
    <>
      <Table caption="Events of targets, the newest first" head={['When', 'What', 'Target', 'Source', 'Why']}>
        {events.map((event) => (
          <EventRow key={`${event.id} ${event.source}`} event={event} frame={frame} />
        ))}
      </Table>
      {next !== null && (
        <nav class="paging" aria-label="Pages of changes">
          <a rel="next" href={linkTo(frame, 'Changes', { ...asked, before: String(next) })}>
            Older changes
          </a>
        </nav>
      )}
    </>
  )
}

function EventRow({
  event: { at, kind, address, place, source, why },
  frame,
}: {
  event: Event
  frame: Frame
}) {
  const text = [
    address === '' ? 'several targets' : address,
    ...Object.entries(place).map(([name, value]) => `${name}="${value}"`),
  ].join(' ')
  return (
    <tr>
      <td>
        <Time iso={at} />
      </td>
      <td>
        <Badge mood={MOODS[kind]}>{kind}</Badge>
      </td>
      <TargetHead address={address} text={text} source={source} frame={frame} />
      <td>
        <a href={linkTo(frame, 'Changes', { source })}>{source}</a>
      </td>
      <td>
        <Text>{why}</Text>
      </td>
    </tr>
  )
}

/** The size of the chart and of its margins, in SVG units. */
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [960, 200, 60, 20, 12]

/** The largest number of bars of churn. */
const BARS = 60

/** A chart of the number of targets, and of joins and leaves below it, over the time of the known changes. */
function Chart({ changes, frame }: { changes: readonly Change[]; frame: Frame }) {
  const steps = stepsOf(changes)
  const first = steps[0]
  if (first === undefined) return null
  const spanMs = Math.max(1_000, frame.nowMs - first.atMs)
  const most = Math.max(1, ...steps.map(({ targets }) => targets))
  const x = (atMs: number) => LEFT + ((atMs - first.atMs) / spanMs) * (WIDTH - LEFT)
  const y = (targets: number) => TOP + (1 - targets / most) * (HEIGHT / 2 - TOP)
  const line = steps.flatMap(({ atMs, targets }, index) => {
    const before = steps[index - 1]?.targets ?? targets
    return [`${x(atMs).toFixed(1)},${y(before).toFixed(1)}`, `${x(atMs).toFixed(1)},${y(targets).toFixed(1)}`]
  })
  const last = steps.at(-1)?.targets as number
  const bars = barsOf(changes, first.atMs, spanMs)
  const churn = Math.max(1, ...bars.flatMap(({ added, removed }) => [added, removed]))
  const middle = HEIGHT * 0.75
  const half = HEIGHT * 0.2
  const width = (WIDTH - LEFT) / BARS - 2
  const [joined, left] = [sum(changes, 'added'), sum(changes, 'removed')]
  return (
    <figure class="card">
      <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT + BOTTOM}`} role="img" aria-labelledby="chart">
        <title id="chart">{`${last} targets now; ${joined} joined and ${left} left since ${first.iso}`}</title>
        <text x="0" y={TOP + 8}>
          {most.toLocaleString('en-US')}
        </text>
        <text x="0" y={HEIGHT / 2}>
          0
        </text>
        <polyline class="line" points={[...line, `${WIDTH},${y(last).toFixed(1)}`].join(' ')} />
        <line class="axis" x1={LEFT} x2={WIDTH} y1={middle} y2={middle} />
        <text x="0" y={middle - 4}>{`+${churn.toLocaleString('en-US')}`}</text>
        <text x="0" y={middle + 14}>{`−${churn.toLocaleString('en-US')}`}</text>
        {bars.map(({ added, removed }, index) => (
          <g key={`${index} ${added}`}>
            <rect
              class="joined"
              {...bar(index, width, middle - (added / churn) * half, (added / churn) * half)}
            />
            <rect class="left" {...bar(index, width, middle, (removed / churn) * half)} />
          </g>
        ))}
        <text x={LEFT} y={HEIGHT + BOTTOM - 4}>
          {first.iso.slice(0, 16).replace('T', ' ')}
        </text>
        <text x={WIDTH} y={HEIGHT + BOTTOM - 4} text-anchor="end">
          now
        </text>
      </svg>
      <figcaption>
        <Count of={last} /> targets now; <Count of={joined} /> joined and <Count of={left} /> left in the{' '}
        <Count of={changes.length} /> changes since <Time iso={first.iso} />.
      </figcaption>
    </figure>
  )
}

function sum(changes: readonly Change[], field: 'added' | 'removed'): number {
  return changes.reduce((total, change) => total + change[field], 0)
}

function bar(index: number, width: number, y: number, height: number) {
  const x = LEFT + index * (width + 2) + 1
  return { x: x.toFixed(1), width: width.toFixed(1), y: y.toFixed(1), height: height.toFixed(1) }
}

/** The number of targets of all sources after each change, the oldest first. */
function stepsOf(changes: readonly Change[]) {
  const oldest = changes.toReversed()
  const bySource = new Map<string, number>()
  // The number of targets before the first known change of a source.
  for (const { source, targets, added, removed } of oldest)
    if (!bySource.has(source)) bySource.set(source, targets - added + removed)
  return oldest.map(({ source, targets, at }) => {
    bySource.set(source, targets)
    return {
      iso: at,
      atMs: Date.parse(at),
      targets: [...bySource.values()].reduce((all, one) => all + one, 0),
    }
  })
}

function barsOf(changes: readonly Change[], fromMs: number, spanMs: number) {
  const bars = Array.from({ length: BARS }, () => ({ added: 0, removed: 0 }))
  for (const { at, added, removed } of changes) {
    const index = Math.min(BARS - 1, Math.floor(((Date.parse(at) - fromMs) / spanMs) * BARS))
    const one = bars[Math.max(0, index)] as (typeof bars)[number]
    one.added += added
    one.removed += removed
  }
  return bars
}
