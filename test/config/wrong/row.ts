/** A wrong configuration file, and the one line that loading it gives. */
export type WrongFile = readonly [what: string, yaml: string, line: RegExp]
