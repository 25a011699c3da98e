/** How a text of the configuration names an environment variable. */
export function variable(name: string): string {
  return `$\{${name}}`
}
