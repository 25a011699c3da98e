/** One flag or environment variable, with secrets masked. */
export interface SettingView {
  /** As it is written: `--web.listen-address`, or a variable. */
  readonly name: string
  readonly value: string
  readonly from: 'flag' | 'environment'
}

/** The configuration that is in force, with secrets masked. */
export interface ConfigView {
  readonly settings: readonly SettingView[]
  /** The configuration file that is in force; undefined: there is none. */
  readonly configuration: { readonly file: string; readonly yaml: string } | undefined
}
