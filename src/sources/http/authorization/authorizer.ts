/** Gives the Authorization header of requests. */
export interface Authorizer {
  /**
   * The header for a request to this URL; undefined: none.
   * @throws RefreshError when it cannot be had
   */
  value(url: URL, signal: AbortSignal): Promise<string | undefined>
  /** Is told that the inventory answered 401 to this header; true when another one may do better. */
  refused(value: string | undefined): boolean
  close(): Promise<void>
}
