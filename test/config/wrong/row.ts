/** A wrong configuration file: what is wrong, the file, and the one line that loading it gives. */
export type WrongFile = readonly [what: string, yaml: string, line: RegExp]
