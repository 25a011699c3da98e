import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { Secret } from '../../../../src/base/secret.ts'
import { authority, proof, tlsOptions, tlsServer } from '../../../helpers/certificates.ts'
import { diskFiles } from '../../../helpers/files.ts'
import { httpReader } from '../../../helpers/http-reader.ts'
import type { Handler } from '../../../helpers/inventory-server.ts'

const folder = t.testdir()
const ca = authority(folder)
const stranger = authority(folder, 'stranger')
const server = ca.sign('server', 'DNS:inventory.test,IP:127.0.0.1')
const client = ca.sign('client')

const list: Handler = (_request, response) => response.end('["a"]')
const trusted = { ca: Secret.of(ca.cert) }

t.test('a CA of the configuration or of a file is trusted, another one is not', async (t) => {
  const url = await tlsServer(t, server, list)
  for (const known of [Secret.of(stranger.cert + ca.cert), Secret.file(ca.certFile, diskFiles)]) {
    t.match(await httpReader(t, url, { tls: tlsOptions({ ca: known }) })(), { kind: 'documents' })
  }
  await t.rejects(httpReader(t, url, { tls: tlsOptions({ ca: Secret.of(stranger.cert) }) })(), {
    reason: 'tls',
    message: /UNABLE_TO_VERIFY_LEAF_SIGNATURE.*check the certificate and its CA/,
  })
})

t.test('the name in the certificate must be that of the URL, or server_name', async (t) => {
  const named = ca.sign('named', 'DNS:inventory.test')
  const asked: unknown[] = []
  const url = await tlsServer(t, named, (request, response) => {
    asked.push((request.socket as TLSSocket & { servername?: unknown }).servername)
    response.end('[]')
  })
  await t.rejects(httpReader(t, url, { tls: tlsOptions(trusted) })(), {
    reason: 'tls',
    message: /ERR_TLS_CERT_ALTNAME_INVALID/,
  })
  const serverName = 'inventory.test'
  t.match(await httpReader(t, url, { tls: tlsOptions({ ...trusted, serverName }) })(), { kind: 'documents' })
  t.same(asked, ['inventory.test'], 'and it is asked for')
  const byAddress = await tlsServer(t, server, list)
  byAddress.hostname = 'localhost'
  await t.rejects(httpReader(t, byAddress, { tls: tlsOptions(trusted) })(), {
    reason: 'tls',
    message: /ALTNAME/,
  })
  t.match(
    await httpReader(t, byAddress, { tls: tlsOptions({ ...trusted, serverName: '127.0.0.1' }) })(),
    { kind: 'documents' },
    'it may be an address too',
  )
})

t.test('insecure_skip_verify takes any certificate', async (t) => {
  const url = await tlsServer(t, stranger.sign('any', 'DNS:elsewhere.test'), list)
  const read = httpReader(t, url, { tls: tlsOptions({ insecureSkipVerify: true }) })
  t.match(await read(), { kind: 'documents' })
})

t.test('a client certificate proves who asks, and may be rotated between two reads', async (t) => {
  const seen: string[] = []
  const url = await tlsServer(
    t,
    server,
    (request, response) => {
      seen.push((request.socket as TLSSocket).getPeerCertificate().subject.CN as string)
      response.end('[]')
    },
    { ca: ca.cert, requestCert: true, rejectUnauthorized: true },
  )
  const [certFile, keyFile] = [join(folder, 'rotated.pem'), join(folder, 'rotated.key')]
  const use = ({ cert, key }: typeof client) => {
    writeFileSync(certFile, cert)
    writeFileSync(keyFile, key)
  }
  const read = httpReader(t, url, {
    tls: tlsOptions({ ...trusted, ...proof({ ...client, certFile, keyFile }) }),
  })
  use(client)
  await read()
  await read()
  use(ca.sign('renewed'))
  await read()
  t.same(seen, ['client', 'client', 'renewed'])
  // Half of the rotation: nothing is asked with a pair that does not fit.
  writeFileSync(keyFile, client.key)
  await t.rejects(read(), { reason: 'tls', message: /tls_config: .* cannot be used: .*key values mismatch/ })
  use(client)
  await read()
  t.equal(seen.at(-1), 'client')
  await t.rejects(httpReader(t, url, { tls: tlsOptions(trusted) })(), { name: 'RefreshError' }, 'without one')
})

t.test('a connection is kept as long as the files are the same', async (t) => {
  const sockets = new Set<unknown>()
  const url = await tlsServer(t, server, (request, response) => {
    sockets.add(request.socket)
    response.end('[]')
  })
  const caFile = join(folder, 'trusted.pem')
  writeFileSync(caFile, ca.cert)
  const read = httpReader(t, url, { tls: tlsOptions({ ca: Secret.file(caFile, diskFiles) }) })
  await read()
  writeFileSync(caFile, readFileSync(ca.certFile))
  await read()
  t.equal(sockets.size, 1)
  writeFileSync(caFile, stranger.cert)
  await t.rejects(read(), { name: 'RefreshError', reason: 'tls' })
})

t.test('files that hold nothing of use', async (t) => {
  const url = await tlsServer(t, server, list)
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
  for (const [what, material] of [
    ['no PEM', { ca: Secret.of('hello') }],
    ['a broken certificate', { ca: Secret.of(broken) }],
    ['a broken pair', { cert: Secret.of(broken), key: Secret.of(client.key) }],
  ] as const) {
    await t.rejects(
      httpReader(t, url, { tls: tlsOptions(material) })(),
      { reason: 'tls', message: /^GET .*: tls_config: the certificates or the key cannot be used: / },
      what,
    )
  }
})

t.test('the versions of TLS that are spoken', async (t) => {
  const versions: unknown[] = []
  const any = { minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
  const url = await tlsServer(
    t,
    server,
    (request, response) => {
      versions.push((request.socket as TLSSocket).getProtocol())
      response.end('[]')
    },
    any,
  )
  for (const [minVersion, maxVersion] of [
    ['TLSv1', 'TLSv1'],
    ['TLSv1', 'TLSv1.1'],
    ['TLSv1.2', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.3'],
  ] as const) {
    await httpReader(t, url, { tls: tlsOptions({ ...trusted, minVersion, maxVersion }) })()
  }
  t.same(versions, ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'])
  const old = await tlsServer(t, server, list, { ...any, maxVersion: 'TLSv1.1' })
  await t.rejects(httpReader(t, old, { tls: tlsOptions(trusted) })(), { name: 'RefreshError', reason: 'tls' })
})
