/** The syntax of an environment variable in the configuration. */
export function variable(name: string): string {
  return `$\{${name}}`
}
