import { shownValue } from '../base/printable.ts'
import type { LabelTemplate, TargetTemplate } from '../mapping/mapping.ts'
import { shownTemplate, splitAtPort, type Template } from '../mapping/template.ts'
import type { SourceSettings } from './settings.ts'

/** A text that could be the name of a field. */
const FIELD = /^[A-Za-z_][\w.[\]]*$/

/** Warnings about the target templates of a source; none where a rule sets the address. */
export function addressWarnings({ plan }: Pick<SourceSettings, 'plan'>): string[] {
  const { mapping, relabelConfigs } = plan
  if (relabelConfigs.some(({ target_label }) => target_label === '__address__')) return []
  return mapping.targets.flatMap((target, index) => {
    const { address, isUrl } = target
    const isFixed = !address.some((part) => typeof part !== 'string')
    const fault = isFixed
      ? describeFixed(target, plan)
      : isUrl === true
        ? undefined
        : describePortless(address)
    return fault === undefined ? [] : `targets[${index}]: ${fault}`
  })
}

/**
 * Warns of a template without a field, which gives every record the same address: probably its braces were forgotten.
 * No warning where the address may be that of an exporter, because a label such as `__param_target`, or a meta label,
 * names the device.
 */
function describeFixed(
  { address, isUrl, labels }: TargetTemplate,
  { mapping }: SourceSettings['plan'],
): string | undefined {
  if (mapping.metaLabels || [...labels, ...mapping.labels].some(isForExporter)) return undefined
  const text = address.join('')
  const [port = ''] = /:\w*$/.exec(text) ?? []
  const host = text.slice(0, text.length - port.length)
  const meant = isUrl === true ? '{url}' : `{${FIELD.test(host) ? host : 'hostname'}}${port || ':9100'}`
  return `${shownValue(text)} has no field, so every record gives this same address; write ${shownValue(meant)}`
}

/** Warns of a template without a port, unless it is for a URL or a path. */
function describePortless(address: Template): string | undefined {
  if (splitAtPort(address).port !== undefined) return undefined
  if (address.some((part) => typeof part === 'string' && part.includes('/'))) return undefined
  const text = shownTemplate(address)
  return `${shownValue(text)} has no port; an address without a port is served as it is, and scraped at port 80, or 443 with https. Write ${shownValue(`${text}:9100`)}, unless the field has the port, or a rule in Prometheus moves the address to __param_target`
}

function isForExporter([name, value]: LabelTemplate): boolean {
  return name.startsWith('__') && value.some((part) => typeof part !== 'string')
}
