import Type, { type Static } from 'typebox'
import { FROM_ENV, filePath, READ_EACH_TIME, secretText } from '../secret-keys.ts'

function tlsVersion(description: string, more: { default?: string } = {}) {
  return Type.Optional(
    Type.String({
      pattern: '^TLS1[0-3]$',
      expects: 'a TLS version; write one of TLS10, TLS11, TLS12, TLS13',
      description,
      examples: ['TLS13'],
      ...more,
    }),
  )
}

/** `tls_config`, as in Prometheus. */
export const tlsConfigSchema = Type.Object(
  {
    ca: secretText(
      `Certificates of the authorities to trust, in PEM, instead of those that Node.js trusts. ${FROM_ENV}`,
      { examples: ['-----BEGIN CERTIFICATE-----…'] },
    ),
    ca_file: filePath(`File with those certificates. ${READ_EACH_TIME}`, 'ca.pem'),
    cert: secretText(`Client certificate, in PEM; it needs a key. ${FROM_ENV}`, {
      examples: ['-----BEGIN CERTIFICATE-----…'],
    }),
    cert_file: filePath(`File with that certificate. ${READ_EACH_TIME}`, 'client.pem'),
    key: secretText(`Private key of the certificate, in PEM. ${FROM_ENV}`, {
      examples: ['-----BEGIN PRIVATE KEY-----…'],
    }),
    key_file: filePath(`File with that key. ${READ_EACH_TIME}`, 'client-key.pem'),
    server_name: Type.Optional(
      Type.String({
        minLength: 1,
        expects: 'a host name',
        description: "Name that the server's certificate must have, when it is not the host of the URL.",
        examples: ['inventory.example.com'],
      }),
    ),
    insecure_skip_verify: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Whether to accept any certificate of the server. Anybody on the network path can then read and change everything: use ca_file instead.',
      }),
    ),
    min_version: tlsVersion('Oldest TLS version to speak.', { default: 'TLS12' }),
    max_version: tlsVersion('Newest TLS version to speak; by default TLS13.', { default: 'TLS13' }),
  },
  { additionalProperties: false, description: 'TLS settings.' },
)

/** Those keys as they stand in a configuration file. */
export type TlsConfig = Static<typeof tlsConfigSchema>
