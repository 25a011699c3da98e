import type { Settings } from '../config/settings.ts'

/** The warnings about a configuration, a line for each. */
export function warningsOf({ warnings }: Pick<Settings, 'warnings'>): string[] {
  return warnings.map((warning) => `WARNING: ${warning}\n`)
}
