import { shownValue } from '../../base/printable.ts'
import {
  DEFAULT_METRICS_PORT,
  type LabelTemplate,
  type MappingOptions,
  type TargetTemplate,
} from '../../mapping/mapping.ts'
import { compileTemplate } from '../../mapping/template.ts'
import { isLabelName } from '../../model/labels.ts'
import { attempt, type Context, within } from '../../sources/resolving.ts'
import { isReservedLabel } from '../options.ts'
import type { FileLabels, FileSource, FileTarget } from '../schema.ts'

/** Compiles what a source says about its targets and their labels. */
export function resolveMapping(source: FileSource, context: Context): MappingOptions {
  return {
    source: source.name,
    targets: (source.targets ?? []).map((target, index) =>
      resolveTarget(target, within(context, 'targets', index)),
    ),
    labels: resolveLabels(source.labels, within(context, 'labels')),
    metaLabels: source.meta_labels ?? false,
    defaultPort: DEFAULT_METRICS_PORT,
    ...(source.http_sd !== undefined && { groupsOnly: true }),
    ...(source.push !== undefined && { ownLabels: true }),
  }
}

function resolveTarget(target: FileTarget, context: Context): TargetTemplate {
  if (typeof target === 'string') {
    return { address: attempt(context, [], () => compileTemplate(target)), labels: [] }
  }
  return {
    address: attempt(context, ['address'], () => compileTemplate(target.address)),
    labels: resolveLabels(target.labels, within(context, 'labels')),
  }
}

function resolveLabels(labels: FileLabels | undefined, context: Context): LabelTemplate[] {
  return Object.entries(labels ?? {}).map(([name, value]) => {
    attempt(context, [name], () => assertLabelName(name), { atKey: true })
    const text = context.textAt([...context.path, name]) ?? String(value)
    return [name, attempt(context, [name], () => compileTemplate(text))] as const
  })
}

function assertLabelName(name: string): void {
  if (!isLabelName(name)) {
    throw new Error(`${shownValue(name)} is not a label name; use letters, digits and "_", not first a digit`)
  }
  if (isReservedLabel(name)) throw new Error('is set by Rollcall itself; choose another name')
}
