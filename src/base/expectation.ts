/** What a schema of the configuration may say beside JSON Schema. */
export interface Expectation {
  /** Ends the sentence "… is not". */
  readonly expects?: string
  /** The value may be a secret, or hold one: no message ever shows it. */
  readonly secret?: boolean
  /** Keys that people write where this one is meant → what they should write. */
  readonly insteadOf?: Readonly<Record<string, string>>
}
