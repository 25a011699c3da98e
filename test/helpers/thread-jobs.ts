/** Says that it has begun, and never ends. */
export function spin(begun: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(begun), 0, 1)
  for (;;);
}

/** What a thread sees of one variable of the environment. */
export function variable(name: string): string {
  return process.env[name] ?? 'nothing'
}

/** Takes memory until there is none. */
export function fill(): number {
  const kept: object[] = []
  for (;;) kept.push({ number: kept.length })
}

/** Fails as a defect does. */
export function fail(): never {
  throw new TypeError('a defect')
}
