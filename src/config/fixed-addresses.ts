import { shownValue } from '../base/printable.ts'
import type { LabelTemplate } from '../mapping/mapping.ts'
import type { Template } from '../mapping/template.ts'
import type { SourceSettings } from './settings.ts'

/** A text that could be the name of a field. */
const FIELD = /^[A-Za-z_][\w.[\]]*$/

/**
 * The target templates of a source without a field, which give every record one and the same address: almost surely
 * braces that were forgotten. Not told where the address may well be that of an exporter that is told what to look
 * at: by a label such as `__param_target`, a meta label, or a rule that sets the address.
 */
export function fixedAddresses({ plan }: Pick<SourceSettings, 'plan'>): string[] {
  const { mapping, relabelConfigs } = plan
  const isReplaced = relabelConfigs.some(({ target_label }) => target_label === '__address__')
  if (isReplaced || mapping.metaLabels) return []
  return mapping.targets.flatMap(({ address, labels }, index) => {
    if (hasField(address) || [...labels, ...mapping.labels].some(isForExporter)) return []
    return `targets[${index}]: ${describe(address.join(''))}`
  })
}

function describe(address: string): string {
  const [port = ''] = /:\w*$/.exec(address) ?? []
  const host = address.slice(0, address.length - port.length)
  const meant = `{${FIELD.test(host) ? host : 'hostname'}}${port}`
  return `${shownValue(address)} has no field in it, so every record gives this one address; write ${shownValue(meant)}`
}

function isForExporter([name, value]: LabelTemplate): boolean {
  return name.startsWith('__') && hasField(value)
}

function hasField(template: Template): boolean {
  return template.some((part) => typeof part !== 'string')
}
