import type { WebSettings } from '../config/settings.ts'
import { rejectedIn } from '../pipeline/report.ts'
import { askServer } from './ask-server.ts'
import type { Built, DryRun } from './dry-run.ts'
import { count, shownLine } from './printed.ts'

/**
 * One line about the reading of a source: `sensors: 12 targets in 3 groups from 13 records in 0.02 s`.
 * @param web gives the URL of the running server, for a source that a command cannot read
 */
export function describeRun({ settings, result, durationMs }: DryRun, web: WebSettings): string {
  const time = `${(durationMs / 1000).toFixed(2)} s`
  if (result.error !== undefined) {
    const { reason, message } = result.error
    return `${settings.name}: failed after ${time}: ${reason}: ${shownLine(message)}\n`
  }
  if (result.built === undefined) return `${settings.name}: ${askServer(web, `/targets/${settings.name}`)}\n`
  return `${settings.name}: ${describeList(result.built)} in ${time}${describeLosses(result.built)}\n`
}

function describeList({ counts, report }: Built): string {
  return `${count(counts.targets, 'target')} in ${count(counts.groups, 'group')} from ${count(report.records, 'record')}`
}

function describeLosses({ report }: Built): string {
  const reasons = [...report.rejected].map(([reason, times]) => `${reason} ${times}`)
  const quarantined = rejectedIn(report)
  const left = [...report.droppedLabels].map(([reason, times]) => `${reason} ${times}`)
  return [
    quarantined === 0 ? '' : `, ${quarantined} quarantined (${reasons.join(', ')})`,
    report.dropped === 0 ? '' : `, ${report.dropped} dropped by rules`,
    left.length === 0 ? '' : `, labels left out (${left.join(', ')})`,
  ].join('')
}

/** A line for each quarantined record in the report, and the number of further ones. */
export function describeQuarantined({ settings, result }: DryRun): string[] {
  const { samples, rejected } = result.built?.report ?? { samples: [], rejected: new Map() }
  const more = rejectedIn({ rejected }) - samples.length
  return [
    ...samples.map(
      ({ index, key, reason, detail }) =>
        `${settings.name}: record ${index}${key === undefined ? '' : ` (${shownLine(key)})`}: ${reason}: ${shownLine(detail)}\n`,
    ),
    ...(more > 0 ? [`${settings.name}: … and ${more} more\n`] : []),
  ]
}
