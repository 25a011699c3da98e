/** Where a sensor registers itself, and how. */
export interface RegistrationOptions {
  /** The push source, such as http://rollcall:8080/api/v1/sources/devices. */
  readonly url: URL
  /** The file with the bearer token, read before each use; undefined: no token is sent. */
  readonly tokenFile: string | undefined
  /** The id of this instance, unique in its source. */
  readonly id: string
  /** The address to scrape, as host or host:port; undefined: taken from the connection to the server. */
  readonly address: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** The lease without a heartbeat, as a Prometheus duration; undefined: the server decides. */
  readonly ttl: string | undefined
}
