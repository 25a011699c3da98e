import type { ShownScrape, ShownTarget, TargetsAnswer } from '../http/api/answers.ts'
import {
  Ago,
  Badge,
  Count,
  type Frame,
  Labels,
  linkTo,
  type Mood,
  SourceField,
  Table,
  TargetHead,
  Text,
} from './layout.tsx'

/** The data of the page of targets. */
export interface TargetsData extends TargetsAnswer {
  /** The search text. */
  readonly q: string
  readonly source: string | undefined
  /** Labels that the targets must have, as parameters of the URL: label.NAME=VALUE. */
  readonly labels: Readonly<Record<string, string>>
  readonly limit: number
  /** The names of all sources. */
  readonly sources: readonly string[]
  /** Whether any Prometheus server is queried for the state of targets. */
  readonly hasScrapes: boolean
}

/** The severity of each scrape state. */
export const SCRAPE_MOODS: Readonly<Record<ShownScrape['state'], Mood>> = {
  up: 'ok',
  down: 'bad',
  pending: 'idle',
  dropped: 'warn',
  unknown: 'warn',
}

/** The served targets, page by page. */
export function TargetsPage({ data, frame }: { data: TargetsData; frame: Frame }) {
  const { total, offset, targets, q, source, labels, sources } = data
  const isNarrowed = q !== '' || source !== undefined || Object.keys(labels).length > 0
  return (
    <>
      <h1>Targets</h1>
      <form class="filter">
        <label>
          Address or label value
          <input type="search" name="q" value={q} maxLength={256} />
        </label>
        <SourceField sources={sources} chosen={source} />
        {Object.entries(labels).map(([name, value]) => (
          <label key={name}>
            <Text>{name.slice('label.'.length)}</Text>
            <input name={name} value={value} />
          </label>
        ))}
        <button type="submit">Search</button>
        {isNarrowed && <a href={linkTo(frame, 'Targets', {})}>Show all</a>}
      </form>
      <p>
        {total === 0 ? (
          isNarrowed ? (
            <>
              No served target matches.{' '}
              {q !== '' && frame.canExplain && (
                <a href={linkTo(frame, 'Explain', { q, source })}>Explain why</a>
              )}
            </>
          ) : (
            'No target is served.'
          )
        ) : (
          <>
            <Count of={Math.min(offset + 1, total)} /> to <Count of={offset + targets.length} /> of{' '}
            <Count of={total} /> served targets.
          </>
        )}
      </p>
      {targets.length > 0 && (
        <Table
          caption="Served targets"
          head={['Target', 'Source', 'Labels', ...(data.hasScrapes ? ['In Prometheus'] : [])]}
        >
          {targets.map((target, index) => (
            <TargetRow key={index} target={target} data={data} frame={frame} />
          ))}
        </Table>
      )}
      <Paging data={data} frame={frame} />
    </>
  )
}

function TargetRow({ target, data, frame }: { target: ShownTarget; data: TargetsData; frame: Frame }) {
  const { address, source, labels, scrapes } = target
  return (
    <tr>
      <TargetHead address={address} source={source} frame={frame} />
      <td>
        <a href={linkTo(frame, 'Targets', { source })}>{source}</a>
      </td>
      <td>
        <Labels labels={labels} />
      </td>
      {data.hasScrapes && (
        <td>
          {scrapes.map((scrape) => (
            <ScrapeState key={`${scrape.server} ${scrape.pool}`} scrape={scrape} frame={frame} />
          ))}
        </td>
      )}
    </tr>
  )
}

/** The state of a target in one Prometheus server. */
export function ScrapeState({ scrape, frame }: { scrape: ShownScrape; frame: Frame }) {
  const { server, state, pool, why, last_scrape } = scrape
  return (
    <p class="scrape">
      <Badge mood={SCRAPE_MOODS[state]}>{state}</Badge> <Text>{server}</Text>
      {pool !== null && (
        <>
          , pool <Text>{pool}</Text>
        </>
      )}
      {last_scrape !== null && (
        <>
          , scraped <Ago iso={last_scrape} nowMs={frame.nowMs} />
        </>
      )}
      {why !== null && (
        <>
          : <Text>{why}</Text>
        </>
      )}
    </p>
  )
}

function Paging({ data, frame }: { data: TargetsData; frame: Frame }) {
  const { q, source, labels, offset, limit, next } = data
  const at = (from: number) => linkTo(frame, 'Targets', { q, source, ...labels, offset: String(from) })
  if (offset === 0 && next === null) return null
  return (
    <nav class="paging" aria-label="Pages of targets">
      {offset > 0 && (
        <a rel="prev" href={at(Math.max(0, offset - limit))}>
          Previous page
        </a>
      )}
      {next !== null && (
        <a rel="next" href={at(next)}>
          Next page
        </a>
      )}
    </nav>
  )
}
