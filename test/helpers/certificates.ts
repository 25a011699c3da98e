import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TlsOptions as ServerOptions } from 'node:tls'
import type { Test } from 'tap'
import { Secret } from '../../src/base/secret.ts'
import type { TlsOptions } from '../../src/sources/http/client/tls.ts'
import { diskFiles } from './files.ts'
import type { Handler } from './inventory-server.ts'

/** A certificate and its key: where they are, and what they say. */
export interface Pair {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

/** An authority of its own, which signs. */
export interface Authority extends Pair {
  /**
   * @param names subject alternative names, such as `DNS:localhost,IP:127.0.0.1`
   * @param newKey how openssl makes the key
   */
  sign(name: string, names?: string, newKey?: readonly string[]): Pair
  /** Signs for two days of the year 2020. */
  signExpired(name: string, names: string): Pair
}

/**
 * Makes an authority in a folder.
 * @param env for openssl, such as one in which it is another time
 */
export function authority(folder: string, name = 'ca', env = process.env): Authority {
  const own = make(folder, env, name, ['-addext', 'basicConstraints=critical,CA:TRUE'])
  const by = ['-CA', own.certFile, '-CAkey', own.keyFile, '-addext', 'basicConstraints=critical,CA:FALSE']
  return {
    ...own,
    sign: (leaf, names, newKey) =>
      make(
        folder,
        env,
        leaf,
        names === undefined ? by : [...by, '-addext', `subjectAltName=${names}`],
        newKey,
      ),
    signExpired: (leaf, names) => signExpired(folder, own, leaf, names),
  }
}

/** Only `openssl ca` knows how to sign for days that are over. */
function signExpired(folder: string, { certFile, keyFile }: Pair, name: string, names: string): Pair {
  const path = (file: string) => join(folder, `${name}.${file}`)
  writeFileSync(path('index'), '')
  writeFileSync(
    path('cnf'),
    `[ca]\ndefault_ca = own\n[own]\nnew_certs_dir = ${folder}\ndatabase = ${path('index')}\nrand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = leaf\n[any]\ncommonName = supplied\n[leaf]\nsubjectAltName = ${names}\n`,
  )
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('key')]
  openssl('req', '-new', ...newKey, '-out', path('csr'), '-subj', `/CN=${name}`)
  const days = ['-startdate', '20200101000000Z', '-enddate', '20200103000000Z']
  const by = ['-config', path('cnf'), '-cert', certFile, '-keyfile', keyFile]
  openssl('ca', '-batch', '-notext', ...by, ...days, '-in', path('csr'), '-out', path('pem'))
  return {
    certFile: path('pem'),
    keyFile: path('key'),
    cert: readFileSync(path('pem'), 'utf8'),
    key: readFileSync(path('key'), 'utf8'),
  }
}

const NEW_EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
/** For cipher suites with RSA in their names. */
export const NEW_RSA_KEY = ['-newkey', 'rsa:2048']

function make(
  folder: string,
  env: NodeJS.ProcessEnv,
  name: string,
  more: readonly string[],
  newKey: readonly string[] = NEW_EC_KEY,
): Pair {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  const made = [...newKey, '-nodes', '-days', '1']
  const files = ['-keyout', keyFile, '-out', certFile, '-subj', `/CN=${name}`]
  execFileSync('openssl', ['req', '-x509', ...made, ...files, ...more], { env, stdio: 'pipe' })
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
}

/** A real HTTPS server on loopback. */
export async function tlsServer(
  t: Test,
  { cert, key }: Pair,
  handler: Handler,
  options: ServerOptions = {},
): Promise<URL> {
  const server = createServer({ cert, key, ...options }, handler)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/inventory`)
}

/** `tls_config` with defaults for what is not said. */
export function tlsOptions(options: Partial<TlsOptions> = {}): TlsOptions {
  return {
    ca: undefined,
    cert: undefined,
    key: undefined,
    serverName: undefined,
    insecureSkipVerify: false,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ...options,
  }
}

/** The certificate and key of a pair as secrets that are read from their files. */
export function proof({ certFile, keyFile }: Pair): Pick<TlsOptions, 'cert' | 'key'> {
  return { cert: Secret.file(certFile, diskFiles), key: Secret.file(keyFile, diskFiles) }
}
