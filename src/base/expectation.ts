/** Keywords that a schema of the configuration may use beside JSON Schema. */
export interface Expectation {
  /** Ends the sentence "… is not". */
  readonly expects?: string
  /** The value may be a secret, or contain one: no message ever shows it. */
  readonly secret?: boolean
  /** Keys that people write instead of this one → the right key. */
  readonly insteadOf?: Readonly<Record<string, string>>
}
