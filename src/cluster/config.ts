import Type, { type Static } from 'typebox'
import { tlsConfigSchema } from '../sources/http/client/tls-config.ts'
import { FROM_ENV } from '../sources/http/secret-keys.ts'

const closed = { additionalProperties: false } as const

const SCHEME = 'with redis:// or, over TLS, rediss://'

function serverUrls(description: string, example: string) {
  return Type.Array(Type.String({ title: 'redis_url', expects: 'the URL of a server' }), {
    minItems: 1,
    expects: 'a list of URLs',
    description,
    examples: [[example]],
  })
}

const sentinelSchema = Type.Object(
  {
    master: Type.String({
      minLength: 1,
      expects: 'a name',
      description: 'Name by which the Sentinels know the primary.',
      examples: ['mymaster'],
    }),
    urls: serverUrls(`URLs of the Sentinels, all ${SCHEME}.`, 'redis://sentinel-1:26379'),
  },
  { ...closed, description: 'Sentinels, which know where the primary is.' },
)

const redisSchema = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        title: 'redis_url',
        description: `URL of the server, ${SCHEME}; the port is 6379 when it names none. ${FROM_ENV}`,
        examples: ['rediss://valkey.example.com:6379'],
      }),
    ),
    sentinel: Type.Optional(sentinelSchema),
    cluster: Type.Optional(
      serverUrls(
        `URLs of some servers of a cluster, all ${SCHEME}; it names the others.`,
        'redis://valkey-1:6379',
      ),
    ),
    username: Type.Optional(
      Type.String({
        minLength: 1,
        expects: 'a name',
        description: `Name of the user; by default that of the server. ${FROM_ENV}`,
        examples: ['rollcall'],
      }),
    ),
    password_file: Type.Optional(
      Type.String({
        title: 'filename',
        minLength: 1,
        expects: 'a path',
        description:
          'File with the password. Relative to the configuration file, and read at each connection.',
        examples: ['valkey-password'],
        insteadOf: { password: 'password_file: with the path of a file that has it' },
      }),
    ),
    tls_config: Type.Optional(tlsConfigSchema),
  },
  {
    ...closed,
    description: 'Where Valkey or Redis is, version 7 or later: one of url, sentinel and cluster.',
    examples: [{ url: 'redis://valkey:6379' }],
  },
)

/** The keys of `cluster:` in the configuration file. */
export const clusterSchema = Type.Object(
  {
    redis: redisSchema,
    key_prefix: Type.Optional(
      Type.String({
        pattern: '^[a-zA-Z0-9_.-]{1,64}$',
        expects: 'a prefix; use letters, digits, "_", "." and "-", 64 at most',
        default: 'rollcall',
        description: 'Prefix of every key in the store. Use a different one for each independent Rollcall.',
      }),
    ),
    signing_key_file: Type.String({
      title: 'filename',
      minLength: 1,
      expects: 'a path',
      description:
        'File with the key that signs everything in the store, the same for all replicas. Relative to the configuration file, and read at the start.',
      examples: ['roll-key'],
    }),
    replica: Type.Optional(
      Type.String({
        pattern: '^[^\\p{Cc}]{1,253}$',
        expects: 'a name of at most 253 characters',
        description:
          'Name of this replica on /health, in logs and in explanations. By default the environment variable POD_NAME, or else the host name.',
        examples: ['rollcall-0'],
      }),
    ),
  },
  {
    ...closed,
    description: 'The store that several replicas share. A change needs a restart.',
  },
)

/** Those keys as they stand in the configuration file. */
export type ClusterConfig = Static<typeof clusterSchema>
export type RedisConfig = ClusterConfig['redis']
