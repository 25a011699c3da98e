import type { ChangesAnswer } from '../http/routes/sources.ts'
import { Count, type Frame, linkTo, Table, Text, Time } from './layout.tsx'

/** What the page of changes shows. */
export interface ChangesData extends ChangesAnswer {
  readonly source: string | undefined
  readonly sources: readonly string[]
}

/** What joined and left, the newest first. */
export function ChangesPage({ data, frame }: { data: ChangesData; frame: Frame }) {
  const { changes, next, source } = data
  return (
    <>
      <h1>Changes</h1>
      {changes.length === 0 ? (
        <p>Nothing has changed since the start.</p>
      ) : (
        <Table
          caption="Changes, the newest first"
          head={['When', 'Source', 'Joined', 'Left', 'Targets since', 'Which']}
        >
          {changes.map((change) => (
            <tr key={change.id}>
              <td>
                <Time iso={change.at} />
              </td>
              <td>
                <a href={linkTo(frame, 'Changes', { source: change.source })}>{change.source}</a>
              </td>
              <td class="number">
                <Count of={change.added} />
              </td>
              <td class="number">
                <Count of={change.removed} />
              </td>
              <td class="number">
                <Count of={change.targets} />
              </td>
              <td>
                <ul class="samples">
                  {change.added_samples.map((sample) => (
                    <li key={sample}>
                      + <Text>{sample}</Text>
                    </li>
                  ))}
                  {change.removed_samples.map((sample) => (
                    <li key={sample}>
                      − <Text>{sample}</Text>
                    </li>
                  ))}
                </ul>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {next !== null && (
        <nav class="paging" aria-label="Pages of changes">
          <a rel="next" href={linkTo(frame, 'Changes', { source, before: String(next) })}>
            Older changes
          </a>
        </nav>
      )}
    </>
  )
}
