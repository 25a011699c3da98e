import type { PollerAnswer } from '../http/api/answers.ts'
import { Ago, Badge, Count, type Frame, type Mood, Runbook, Table, Text } from './layout.tsx'

/** The clients that poll targets, and the list that each has. */
export function PollersPage({ data, frame }: { data: readonly PollerAnswer[]; frame: Frame }) {
  return (
    <>
      <h1>Pollers</h1>
      {data.length === 0 ? (
        <p class="note warn">
          No client has polled targets since the start. Point http_sd_configs of Prometheus at /targets.{' '}
          <Runbook alert="RollcallNotPolled" />
        </p>
      ) : (
        <Table
          caption="Clients that poll targets"
          head={['Address', 'User agent', 'Path', 'Interval', 'Last poll', 'Status', 'List', 'Polls']}
        >
          {data.map((poller) => (
            <PollerRow
              key={`${poller.address} ${poller.user_agent} ${poller.path}`}
              poller={poller}
              frame={frame}
            />
          ))}
        </Table>
      )}
    </>
  )
}

const LISTS: Readonly<Record<PollerAnswer['list'], readonly [mood: Mood, text: string]>> = {
  current: ['ok', 'the current list'],
  older: ['warn', 'an older list'],
  part: ['idle', 'a part of it'],
  none: ['bad', 'none'],
}

function PollerRow({ poller, frame }: { poller: PollerAnswer; frame: Frame }) {
  const { address, user_agent, path, interval_seconds, last, status, list, polls, fault } = poller
  const [mood, text] = LISTS[list]
  return (
    <tr>
      <th scope="row">
        <Text>{address}</Text>
      </th>
      <td>
        <Text>{user_agent}</Text>
      </td>
      <td>
        <Text>{path}</Text>
      </td>
      <td>{interval_seconds === null ? '' : `${Math.round(interval_seconds)} s`}</td>
      <td>
        <Ago iso={last} nowMs={frame.nowMs} />
      </td>
      <td class="number">{status}</td>
      <td>
        <Badge mood={mood}>{text}</Badge>
        {fault !== null && (
          <p>
            <Text>{fault}</Text>
          </p>
        )}
      </td>
      <td class="number">
        <Count of={polls} />
      </td>
    </tr>
  )
}
