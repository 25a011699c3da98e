/** With whom a sensor registers itself, and as what. */
export interface RegistrationOptions {
  /** The push source, such as http://rollcall:8080/api/v1/sources/devices. */
  readonly url: URL
  /** The file with the bearer token, read each time it is used; undefined: none is sent. */
  readonly tokenFile: string | undefined
  /** The name of this instance among those of the source. */
  readonly id: string
  /** Where it is scraped, as host or host:port; undefined: found out from the connection to the server. */
  readonly address: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** How long it is known without a heartbeat, as a Prometheus duration; undefined: the server decides. */
  readonly ttl: string | undefined
}
