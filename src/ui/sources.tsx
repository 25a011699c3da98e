import type { ComponentChildren } from 'preact'
import type { SourceAnswer } from '../http/api/answers.ts'
import type { ScrapeServer } from '../model/scrape.ts'
import { Ago, Badge, Count, type Frame, linkTo, type Mood, Runbook, Table, Text, Time } from './layout.tsx'

type Held = SourceAnswer['held'][number]

/** The data of the page of all sources. */
export interface SourcesData {
  readonly sources: readonly SourceAnswer[]
  /** The held targets of removed sources. */
  readonly removed: readonly Held[]
  readonly servers: readonly ScrapeServer[]
  /** Whether held targets can be accepted on this page. */
  readonly canAccept: boolean
}

const MOODS: Readonly<Record<SourceAnswer['state'], Mood>> = {
  ok: 'ok',
  waiting: 'warn',
  stale: 'warn',
  holding: 'warn',
  failing: 'bad',
}

/** The last refresh of each source, and its held targets. */
export function SourcesPage({ data, frame }: { data: SourcesData; frame: Frame }) {
  const { sources, removed, servers, canAccept } = data
  const troubled = sources.filter(hasDetails)
  return (
    <>
      <h1>Sources</h1>
      <Summary sources={sources} servers={servers} frame={frame} />
      {sources.length === 0 ? (
        <p>No source is configured.</p>
      ) : (
        <Table
          caption="Sources and their last refresh"
          head={[
            'Source',
            'State',
            'Targets',
            'Records',
            'Quarantined',
            'List read',
            'Last change',
            'Last error',
          ]}
        >
          {sources.map((source) => (
            <SourceRow key={source.name} source={source} frame={frame} />
          ))}
        </Table>
      )}
      {removed.length > 0 && (
        <section class="card">
          <h2>Sources that are not configured any more</h2>
          {removed.map((held) => (
            <HeldTargets
              key={held.digest}
              held={held}
              source={undefined}
              canAccept={canAccept}
              frame={frame}
            />
          ))}
        </section>
      )}
      {troubled.map((source) => (
        <Details key={source.name} source={source} canAccept={canAccept} frame={frame} />
      ))}
    </>
  )
}

function Summary({
  sources,
  servers,
  frame,
}: {
  sources: readonly SourceAnswer[]
  servers: readonly ScrapeServer[]
  frame: Frame
}) {
  const sum = (numberOf: (source: SourceAnswer) => number) =>
    sources.reduce((total, source) => total + numberOf(source), 0)
  const ok = sources.filter(({ state }) => state === 'ok').length
  const held = sum((source) => source.held.reduce((total, { targets }) => total + targets, 0))
  return (
    <dl class="tiles">
      <Tile name="Targets served">
        <a href={linkTo(frame, 'Targets', {})}>
          <Count of={sum(({ targets }) => targets)} />
        </a>
      </Tile>
      <Tile name="Sources that are ok">
        {ok} of {sources.length}
      </Tile>
      <Tile name="Targets held">
        <Count of={held} />
      </Tile>
      <Tile name="Records quarantined">
        <Count of={sum(quarantinedIn)} />
      </Tile>
      {servers.map(({ server, counts, failure }) => (
        <Tile key={server} name={`Scraped by ${server}`}>
          {failure === undefined ? (
            <>
              <Count of={counts.up} /> up, <Count of={counts.down} /> down,{' '}
              <Count of={counts.dropped + counts.unknown} /> not scraped
            </>
          ) : (
            <Text>{failure}</Text>
          )}
        </Tile>
      ))}
    </dl>
  )
}

function Tile({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>
        <Text>{name}</Text>
      </dt>
      <dd>{children}</dd>
    </div>
  )
}

function quarantinedIn({ rejected }: SourceAnswer): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0)
}

function SourceRow({ source, frame }: { source: SourceAnswer; frame: Frame }) {
  const { name, state, targets, records, last_success, last_change, failure } = source
  const quarantined = quarantinedIn(source)
  return (
    <tr>
      <th scope="row">{hasDetails(source) ? <a href={`#${name}`}>{name}</a> : name}</th>
      <td>
        <Badge mood={MOODS[state]}>{state}</Badge>
      </td>
      <td class="number">
        <a href={linkTo(frame, 'Targets', { source: name })}>
          <Count of={targets} />
        </a>
      </td>
      <td class="number">
        <Count of={records} />
      </td>
      <td class="number">
        <Count of={quarantined} />
      </td>
      <td>{last_success === null ? 'never' : <Ago iso={last_success} nowMs={frame.nowMs} />}</td>
      <td>
        {last_change === null ? (
          'never'
        ) : (
          <a href={linkTo(frame, 'Changes', { source: name })}>
            <Ago iso={last_change} nowMs={frame.nowMs} />
          </a>
        )}
      </td>
      <td>{failure !== null && <Text>{failure.reason}</Text>}</td>
    </tr>
  )
}

function hasDetails(source: SourceAnswer): boolean {
  const { failure, held, rejected_samples, file_errors, read_from, cluster } = source
  return (
    failure !== null ||
    held.length + rejected_samples.length + Object.keys(file_errors).length > 0 ||
    read_from !== undefined ||
    cluster !== undefined
  )
}

function Details({ source, canAccept, frame }: { source: SourceAnswer; canAccept: boolean; frame: Frame }) {
  const { name, failure, consecutive_failures, held, file_errors, read_from, cluster, absent } = source
  return (
    <section class="card" id={name}>
      <h2>{name}</h2>
      {failure !== null && (
        <p class="note bad">
          <strong>
            <Text>{failure.reason}</Text>
          </strong>
          : <Text>{failure.message}</Text> (<Ago iso={failure.at} nowMs={frame.nowMs} />, failed{' '}
          <Count of={consecutive_failures} /> times in a row). The last good list stays.{' '}
          <Runbook alert="RollcallSourceFailing" />
        </p>
      )}
      {held.map((one) => (
        <HeldTargets key={one.digest} held={one} source={name} canAccept={canAccept} frame={frame} />
      ))}
      {absent > 0 && held.length === 0 && (
        <p>
          <Count of={absent} /> served targets were not in the last reading. They stay until more readings
          lack them.
        </p>
      )}
      <Quarantine source={source} frame={frame} />
      {Object.entries(file_errors).map(([file, { path, error }]) => (
        <p key={file} class="note bad">
          The {file} file{path !== undefined && <Text>{` ${path}`}</Text>} fails: <Text>{error}</Text>.{' '}
          <Runbook alert="RollcallWriteFailing" />
        </p>
      ))}
      {read_from !== undefined && (
        <p class={read_from.standby ? 'note bad' : undefined}>
          <Text>{read_from.url}</Text> gave the last list
          {read_from.standby && ', a standby: the URLs before it fail'}.
        </p>
      )}
      {cluster !== undefined && (
        <p>
          {cluster.is_reader ? (
            'This replica reads it'
          ) : (
            <>
              Read by <Text>{cluster.reader ?? 'no replica'}</Text>
            </>
          )}
          ; generation {cluster.generation}
          {cluster.newest_generation > cluster.generation && `, the newest is ${cluster.newest_generation}`}
          {cluster.refused !== null && (
            <>
              . It is refused: <Text>{cluster.refused}</Text>. <Runbook alert="RollcallReplicaBehind" />
            </>
          )}
        </p>
      )}
    </section>
  )
}

function HeldTargets({
  held,
  source,
  canAccept,
  frame,
}: {
  held: Held
  source: string | undefined
  canAccept: boolean
  frame: Frame
}) {
  const action = `${frame.root}ui/accept?${new URLSearchParams({ digest: held.digest, ...(source !== undefined && { source }) })}`
  return (
    <div class="note warn">
      <p>
        <strong>
          <Count of={held.targets} /> targets are held
        </strong>{' '}
        since <Time iso={held.since} />: <Text>{held.why}</Text>. They leave <Text>{held.leaves}</Text>.{' '}
        <Runbook alert="RollcallGuardHolding" />
      </p>
      <ul class="samples">
        {held.samples.map((sample) => (
          <li key={sample}>
            <Text>{sample}</Text>
          </li>
        ))}
        {held.targets > held.samples.length && <li>and {held.targets - held.samples.length} more</li>}
      </ul>
      {canAccept ? (
        <form method="post" action={action}>
          <button type="submit">
            Accept: let {held.targets === 1 ? 'this target' : `these ${held.targets} targets`} leave
          </button>
        </form>
      ) : (
        <p>To accept them here, start Rollcall with --web.enable-lifecycle.</p>
      )}
    </div>
  )
}

function Quarantine({ source, frame }: { source: SourceAnswer; frame: Frame }) {
  const { name, rejected, rejected_samples } = source
  if (rejected_samples.length === 0) return null
  return (
    <>
      <h3>Quarantined records</h3>
      <p>
        {Object.entries(rejected)
          .map(([reason, count]) => `${count} ${reason}`)
          .join(', ')}
        . They make no target; a target that such a record made before stays.{' '}
        <Runbook alert="RollcallQuarantineGrowing" />
      </p>
      <Table caption={`Some quarantined records of ${name}`} head={['Record', 'Key', 'Reason', 'Detail']}>
        {rejected_samples.map(({ index, key, reason, detail }) => (
          <tr key={`${index} ${reason} ${detail}`}>
            <td class="number">{index}</td>
            <td>
              {key !== undefined && (
                <a href={linkTo(frame, 'Explain', { q: key, source: name })}>
                  <Text>{key}</Text>
                </a>
              )}
            </td>
            <td>{reason}</td>
            <td>
              <Text>{detail}</Text>
            </td>
          </tr>
        ))}
      </Table>
    </>
  )
}
