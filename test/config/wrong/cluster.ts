import type { WrongFile } from './row.ts'

const SOURCE = 'sources: [{ name: a, http: { url: "http://a/" } }]\n'

const cluster = (keys: string) => `${SOURCE}cluster: { ${keys} }\n`
const redis = (keys: string) => cluster(`signing_key_file: key, redis: { ${keys} }`)

/** Wrong keys of `cluster`. The environment has HOST. */
export const rows: readonly WrongFile[] = [
  [
    'a cluster without anything',
    `${SOURCE}cluster:\n`,
    /^rollcall.yml:2:\d+: cluster: is empty; expected a set of keys$/,
  ],
  [
    'a cluster without a key',
    cluster('redis: { url: "redis://a" }'),
    /signing_key_file: is missing; add it: such as signing_key_file: roll-key$/,
  ],
  [
    'a cluster without a store',
    cluster('signing_key_file: key'),
    /^rollcall.yml:2:10: cluster.redis: is missing/,
  ],
  [
    'a store that is nowhere',
    redis('username: a, password_file: b'),
    /cluster.redis: does not set where the store is; add one of url, sentinel, cluster$/,
  ],
  [
    'a store in two places',
    redis('url: "redis://a", cluster: ["redis://b"]'),
    /cluster.redis.cluster: url already sets where the store is; leave one of them out$/,
  ],
  [
    'a store without a scheme',
    redis('url: "a:6379"'),
    /cluster.redis.url: "a:6379" is not the URL of a server; write one such as redis:\/\/valkey:6379$/,
  ],
  [
    'a store over HTTP',
    redis('url: "http://a"'),
    /cluster.redis.url: "http:\/\/a" is not the URL of a server/,
  ],
  [
    'a store without a host',
    redis('url: "redis://"'),
    /cluster.redis.url: "redis:\/\/" is not the URL of a server/,
  ],
  [
    'a store with a password',
    redis('url: "redis://me:hunter2@a"'),
    /cluster.redis.url: "redis:\/\/…@a" has a user or password in it; write username and password_file$/,
  ],
  [
    'a store with a user',
    redis('url: "redis://hunter2@a"'),
    /cluster.redis.url: "redis:\/\/…@a" has a user or password/,
  ],
  [
    'a store with a database',
    redis('url: "redis://a/1"'),
    /cluster.redis.url: "redis:\/\/a\/1" has more than a host and a port/,
  ],
  [
    'a store with a query',
    redis('url: "redis://a?timeout=1"'),
    /cluster.redis.url: "redis:\/\/a\?…" has more than a host/,
  ],
  [
    'a variable that is not there',
    redis('url: "redis://${NOWHERE}"'),
    /cluster.redis.url: the environment variable NOWHERE is not set$/,
  ],
  [
    'no Sentinels',
    redis('sentinel: { master: a, urls: [] }'),
    /cluster.redis.sentinel.urls: \[\] is not a list of URLs$/,
  ],
  [
    'Sentinels of nobody',
    redis('sentinel: { urls: ["redis://a"] }'),
    /cluster.redis.sentinel.master: is missing/,
  ],
  [
    'a Sentinel that is none',
    redis('sentinel: { master: a, urls: ["redis://a", "b"] }'),
    /cluster.redis.sentinel.urls\[1\]: "b" is not the URL of a server/,
  ],
  [
    'a cluster that is half with TLS',
    redis('cluster: ["redis://a", "rediss://b"]'),
    /cluster.redis.cluster\[1\]: differs from the first in its scheme; write all with redis:\/\/, or all/,
  ],
  [
    'a user without a password',
    redis('url: "redis://a", username: a'),
    /cluster.redis.username: needs its password; add password_file$/,
  ],
  [
    'a password in the file itself',
    redis('url: "redis://a", password: hunter2'),
    /cluster.redis.password: there is no such key; write password_file: with the path of a file that has it$/,
  ],
  [
    'TLS without TLS',
    redis('url: "redis://a", tls_config: {}'),
    /cluster.redis.tls_config: has no effect with redis:\/\/; write rediss:\/\/$/,
  ],
  [
    'a cluster with TLS and without',
    redis('cluster: ["redis://a"], tls_config: {}'),
    /cluster.redis.tls_config: has no effect with redis:/,
  ],
  ['TLS to nowhere', redis('tls_config: {}'), /cluster.redis: does not set where the store is/],
  [
    'half a certificate',
    redis('url: "rediss://a", tls_config: { cert_file: a }'),
    /cluster.redis.tls_config.cert_file: needs its key/,
  ],
  [
    'a prefix with a brace',
    cluster('signing_key_file: key, key_prefix: "{a}", redis: { url: "redis://a" }'),
    /cluster.key_prefix: "{a}" is not a prefix; use letters/,
  ],
  [
    'a replica without a name',
    cluster('signing_key_file: key, replica: "", redis: { url: "redis://a" }'),
    /cluster.replica: "" is not a name of at most 253 characters$/,
  ],
]
