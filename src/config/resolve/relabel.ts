import type { LabelNames } from '../../model/labels.ts'
import type { RelabelConfig } from '../../relabel/config.ts'
import { validateRelabel } from '../../relabel/validate.ts'
import { type Context, type Path, within } from '../../sources/resolving.ts'

/** Checks what the schema cannot check of relabel rules. */
export function resolveRelabel(
  written: readonly RelabelConfig[],
  names: LabelNames,
  context: Context,
): RelabelConfig[] {
  return written.map((config, index) => {
    const rule = within(context, index)
    const texts = asWritten(config, rule)
    for (const problem of validateRelabel(texts, names)) {
      context.problems.push({ ...problem, path: [...rule.path, ...problem.path] as Path })
    }
    return texts
  })
}

/** A rule with its texts as written; YAML reads some of them as numbers or booleans. */
function asWritten(config: RelabelConfig, { path, textAt }: Context): RelabelConfig {
  const texts = (['separator', 'regex', 'replacement', 'target_label', 'action'] as const).flatMap((key) => {
    const text = config[key] === undefined || config[key] === null ? undefined : textAt([...path, key])
    return text === undefined ? [] : [[key, text] as const]
  })
  // A larger number loses digits.
  const isLong = typeof config.modulus === 'number' && !Number.isSafeInteger(config.modulus)
  const modulus = isLong ? textAt([...path, 'modulus']) : undefined
  return { ...config, ...Object.fromEntries(texts), ...(modulus !== undefined && { modulus }) }
}
