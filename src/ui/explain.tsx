import type { ExplainBody } from '../http/api/answers.ts'
import type { ExplainedStep, ExplainedTarget, Explanation } from '../model/explanation.ts'
import { type Frame, Labels, linkTo, SourceField, Table, Text } from './layout.tsx'

/** The data of the page of an explanation. */
export interface ExplainData {
  readonly q: string
  readonly source: string | undefined
  readonly sources: readonly string[]
  /** Undefined: there is no query yet. */
  readonly answer: ExplainBody | undefined
}

/** Why something is, or is not, a target, step by step. */
export function ExplainPage({ data, frame }: { data: ExplainData; frame: Frame }) {
  const { q, source, sources, answer } = data
  return (
    <>
      <h1>Explain</h1>
      <form class="filter">
        <label>
          Host, address, value or field=value
          <input type="search" name="q" value={q} maxLength={256} required />
        </label>
        <SourceField sources={sources} chosen={source} />
        <button type="submit">Explain</button>
      </form>
      {answer !== undefined && <Answer answer={answer} q={q} frame={frame} />}
    </>
  )
}

function Answer({ answer, q, frame }: { answer: ExplainBody; q: string; frame: Frame }) {
  const { explanations, polls, verdict } = answer
  return (
    <>
      <p class="verdict" role="status">
        <Text>{verdict}</Text>
      </p>
      <p>
        <a href={linkTo(frame, 'Changes', { target: q })}>History of it</a>,{' '}
        <a href={linkTo(frame, 'Targets', { q })}>served targets that match</a>
      </p>
      {explanations.map((explanation, index) => (
        <Explained
          key={index}
          explanation={explanation}
          isSaid={explanation.verdict === verdict}
          frame={frame}
        />
      ))}
      {polls.length > 0 && (
        <section class="card">
          <h2>Pollers</h2>
          <ul>
            {polls.map((poll) => (
              <li key={poll}>
                <Text>{poll}</Text>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

/** @param isSaid whether its verdict is already shown above */
function Explained({
  explanation,
  isSaid,
  frame,
}: {
  explanation: Explanation
  isSaid: boolean
  frame: Frame
}) {
  const { source, position, record, targets, dropped_labels, verdict } = explanation
  return (
    <section class="card">
      <h2>
        <a href={linkTo(frame, 'Targets', { source })}>{source}</a>: <Text>{placeOf(position)}</Text>
      </h2>
      {isSaid || (
        <p>
          <strong>
            <Text>{verdict}</Text>
          </strong>
        </p>
      )}
      {record !== null && (
        <details>
          <summary>The record as it was read</summary>
          <pre>
            <Text>{JSON.stringify(record)}</Text>
          </pre>
        </details>
      )}
      {dropped_labels.length > 0 && (
        <ul>
          {dropped_labels.map((reason) => (
            <li key={reason}>
              Label left out: <Text>{reason}</Text>
            </li>
          ))}
        </ul>
      )}
      {targets.map((target, index) => (
        <ExplainedOne key={index} target={target} isOne={targets.length === 1} />
      ))}
    </section>
  )
}

function placeOf(position: Explanation['position']): string {
  if (position === null) return 'in the served list'
  const { document, index } = position
  return index === null ? `in ${document}` : `record ${index} (from 0) of ${document}`
}

/** @param isOne whether its verdict is that of the whole record, which is already shown */
function ExplainedOne({ target, isOne }: { target: ExplainedTarget; isOne: boolean }) {
  const { address, labels, steps, final, rejection, verdict } = target
  return (
    <div class="target">
      {address !== null && (
        <>
          <h3>
            <Text>{address}</Text>
          </h3>
          <Labels labels={labels} />
        </>
      )}
      {steps.length > 0 && (
        <Table caption="The effect of each relabel rule" head={['Rule', 'Action', 'Result']}>
          {steps.map((step) => (
            <Step key={step.rule} step={step} />
          ))}
        </Table>
      )}
      {rejection !== null && (
        <p class="note bad">
          Quarantined: {rejection.reason}: <Text>{rejection.detail}</Text>
        </p>
      )}
      {final !== null && steps.length > 0 && (
        <>
          <h4>
            After the rules: <Text>{final.address}</Text>
          </h4>
          <Labels labels={final.labels} />
        </>
      )}
      {isOne || (
        <p>
          <Text>{verdict}</Text>
        </p>
      )}
    </div>
  )
}

function Step({ step: { rule, action, result, changes } }: { step: ExplainedStep }) {
  return (
    <tr>
      <td class="number">{rule}</td>
      <td>{action}</td>
      <td>
        {result === 'changed' ? (
          <ul class="labels">
            {changes.map(({ label, before, after }) => (
              <li key={label}>
                <Text>{`${label}: ${valueText(before)} → ${valueText(after)}`}</Text>
              </li>
            ))}
          </ul>
        ) : (
          result
        )}
      </td>
    </tr>
  )
}

function valueText(value: string | null): string {
  return value === null ? '(none)' : JSON.stringify(value)
}
