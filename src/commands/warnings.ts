import type { Settings } from '../config/settings.ts'

/** What is odd about a configuration but no error, a line each. */
export function warningsOf({ warnings }: Pick<Settings, 'warnings'>): string[] {
  return warnings.map((warning) => `WARNING: ${warning}\n`)
}
