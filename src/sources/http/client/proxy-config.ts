import Type, { type Static } from 'typebox'
import { FROM_ENV, secretText } from '../secret-keys.ts'

/** The proxy keys, as in Prometheus. */
export const proxyKeys = {
  proxy_url: secretText(
    `Proxy (http or https) that requests go through. A user and password in it are sent to the proxy. ${FROM_ENV}`,
    { examples: ['http://proxy:3128'] },
  ),
  no_proxy: Type.Optional(
    Type.String({
      minLength: 1,
      expects: 'a text such as "localhost,.example.com,10.0.0.0/8"',
      description:
        'Hosts to reach without the proxy, separated by commas: names (with their subdomains), IP addresses and CIDR blocks, each optionally with a port; "*" means all.',
      examples: ['.example.com,10.0.0.0/8'],
    }),
  ),
  proxy_from_environment: Type.Optional(
    Type.Boolean({
      default: false,
      description: 'Whether to use the proxy in HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or in lower case).',
    }),
  ),
}

const proxySchema = Type.Object(proxyKeys)

/** Those keys as they stand in a configuration file. */
export type ProxyConfig = Static<typeof proxySchema>
