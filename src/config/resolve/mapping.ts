import { shownValue } from '../../base/printable.ts'
import {
  DEFAULT_METRICS_PORT,
  type LabelTemplate,
  type MappingOptions,
  type TargetTemplate,
} from '../../mapping/mapping.ts'
import { compilePath, compileTemplate, type Path } from '../../mapping/template.ts'
import { isLabelName, type LabelNames } from '../../model/labels.ts'
import { attempt, type Context, complain, within } from '../../sources/resolving.ts'
import { isReservedLabel } from '../options.ts'
import type { FileLabels, FileSource, FileTarget } from '../schema.ts'

/** Compiles the templates of a source for its targets and their labels. */
export function resolveMapping(source: FileSource, names: LabelNames, context: Context): MappingOptions {
  return {
    source: source.name,
    targets: (source.targets ?? []).map((target, index) =>
      resolveTarget(target, names, within(context, 'targets', index)),
    ),
    labels: resolveLabels(source.labels, names, within(context, 'labels')),
    labelNames: names,
    metaLabels: source.meta_labels ?? false,
    defaultPort: DEFAULT_METRICS_PORT,
    forEach: resolveForEach(source, context),
    ...(source.http_sd !== undefined && { groupsOnly: true }),
    ...(source.push !== undefined && { ownLabels: true }),
  }
}

function resolveForEach({ for_each: text, targets }: FileSource, context: Context): Path | undefined {
  if (text === undefined) return undefined
  if (targets === undefined) {
    const message = 'needs targets with templates for the items, such as targets: ["{hostname}:{item}"]'
    complain(context, ['for_each'], message, { atKey: true })
  }
  return attempt(context, ['for_each'], () => compilePath(/^\{(.*)\}$/.exec(text)?.[1] ?? text))
}

function resolveTarget(target: FileTarget, names: LabelNames, context: Context): TargetTemplate {
  if (typeof target === 'string') {
    return { address: attempt(context, [], () => compileTemplate(target)), labels: [] }
  }
  const { address, url, optional } = target
  if (address !== undefined && url !== undefined) {
    complain(context, ['url'], 'cannot be combined with address; leave one of them out', { atKey: true })
  } else if (address === undefined && url === undefined) {
    complain(context, [], 'has no address; add address: "{hostname}:9100", or url')
  }
  const key = url === undefined ? 'address' : 'url'
  return {
    address: attempt(context, [key], () => compileTemplate(url ?? address ?? '')),
    ...(url !== undefined && { isUrl: true }),
    ...(optional === true && { optional }),
    labels: resolveLabels(target.labels, names, within(context, 'labels')),
  }
}

function resolveLabels(labels: FileLabels | undefined, names: LabelNames, context: Context): LabelTemplate[] {
  return Object.entries(labels ?? {}).map(([name, value]) => {
    attempt(context, [name], () => assertLabelName(name, names), { atKey: true })
    const text = context.textAt([...context.path, name]) ?? String(value)
    return [name, attempt(context, [name], () => compileTemplate(text))] as const
  })
}

function assertLabelName(name: string, names: LabelNames): void {
  if (!isLabelName(name, names)) {
    throw new Error(
      `${shownValue(name)} is not a label name; use letters, digits and "_", and no digit first, or set label_names: utf8 in global if every poller is Prometheus 3`,
    )
  }
  if (isReservedLabel(name)) throw new Error('is set by Rollcall itself; choose another name')
}
