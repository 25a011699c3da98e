import { concealed, parseHttpUrl } from '../../base/urls.ts'
import { variable } from '../../base/variable.ts'
import { type NoProxy, parseNoProxy } from '../../sources/http/client/no-proxy.ts'
import type { ProxyOptions } from '../../sources/http/client/proxy.ts'
import type { ProxyConfig } from '../../sources/http/client/proxy-config.ts'
import { shownValue } from '../shown.ts'
import { attempt, type Context, complain } from './context.ts'
import { expandEnv } from './expand-env.ts'
import { shownUrl } from './readers.ts'

/** Resolves the keys about proxies; the rules for which may stand together are those of Prometheus. */
export function resolveProxy(config: ProxyConfig, context: Context): ProxyOptions | undefined {
  const { proxy_url: url, no_proxy: noProxy } = config
  if (config.proxy_from_environment === true) {
    const other = (['proxy_url', 'no_proxy'] as const).find((key) => config[key] !== undefined)
    if (other === undefined) {
      return attempt(context, ['proxy_from_environment'], () => fromEnvironment(context.env))
    }
    const message = 'proxy_from_environment says already which proxy is used; leave one of them out'
    complain(context, [other], message, { atKey: true })
    return undefined
  }
  const bypass =
    noProxy === undefined ? undefined : attempt(context, ['no_proxy'], () => readNoProxy(noProxy))
  if (url === undefined) {
    if (noProxy !== undefined) complain(context, ['no_proxy'], 'needs a proxy_url', { atKey: true })
    return undefined
  }
  const proxy = attempt(context, ['proxy_url'], () => readProxyUrl(url, expandEnv(url, context.env)))
  return { http: proxy, https: proxy, bypass }
}

/** The variables are read at load, in lower case first, as Go does. */
function fromEnvironment(env: Context['env']): ProxyOptions {
  const read = (name: string) => env[name.toLowerCase()] || env[name] || undefined
  const proxy = (name: string) => {
    const text = read(name)
    // As Go has it, the scheme may be left out.
    return text === undefined
      ? undefined
      : readProxyUrl(variable(name), text.includes('://') ? text : `http://${text}`)
  }
  return {
    http: proxy('HTTP_PROXY'),
    https: proxy('HTTPS_PROXY'),
    bypass: readNoProxy(read('NO_PROXY') ?? ''),
  }
}

function readProxyUrl(written: string, expanded: string): URL {
  const url = parseHttpUrl(expanded)
  if (url !== undefined) return concealed(url, url.origin)
  throw new Error(
    `${shownUrl(written)} is not the http or https URL of a proxy; write one such as http://proxy:3128`,
  )
}

function readNoProxy(text: string): NoProxy {
  const bypass = parseNoProxy(text)
  if (bypass !== undefined) return bypass
  throw new Error(
    `${shownValue(text)} is not a list of names, addresses and CIDR blocks with commas between; write one such as "localhost,.example.com,10.0.0.0/8"`,
  )
}
