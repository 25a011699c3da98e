import Type, { type Static } from 'typebox'
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_INSTANCES, DEFAULT_MAX_TTL, DEFAULT_TTL } from './registry.ts'

function duration(description: string, fallback: string) {
  const expects = 'a duration such as 90s, 5m or 1h'
  return Type.Optional(Type.String({ title: 'duration', expects, default: fallback, description }))
}

function size(description: string, more: { default?: string } = {}) {
  return Type.Optional(
    Type.String({ title: 'size', expects: 'a size such as 512KB or 64MB', description, ...more }),
  )
}

function count(description: string, more: { default?: number } = {}) {
  return Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      expects: 'a whole number from 1 to 1000000',
      description,
      ...more,
    }),
  )
}

/** The keys of `push:` in a source of the configuration file. */
export const pushSchema = Type.Object(
  {
    token_file: Type.Optional(
      Type.String({
        title: 'filename',
        minLength: 1,
        expects: 'a path',
        insteadOf: {
          token: 'token_file: …, with the token in that file',
          bearer_token_file: 'token_file: …',
          credentials_file: 'token_file: …',
        },
        description:
          'File with the tokens that devices send as "Authorization: Bearer …", one on each line, so that a new one can be distributed before the old one is removed. Relative to the configuration file, and read again at most once a second.',
        examples: ['push-token'],
      }),
    ),
    device_tokens_file: Type.Optional(
      Type.String({
        title: 'filename',
        minLength: 1,
        expects: 'a path',
        description:
          'File with a token for each device: on each line an id, a space and its token, which can register and remove only that id. Together with token_file, or instead of it.',
        examples: ['device-tokens'],
      }),
    ),
    insecure_skip_authentication: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Let every client that reaches the port register, instead of token_file.',
      }),
    ),
    allowed_labels: Type.Optional(
      Type.Array(Type.String({ minLength: 1, expects: 'the name of a label, or an expression for names' }), {
        description:
          'Labels that devices may send: names, or expressions (RE2) that match whole names. A registration with another label is answered 400. By default all except job, instance and names that begin with `__`; `__metrics_path__` and `__scheme__` are allowed.',
        examples: [['site', 'rack_.*']],
      }),
    ),
    allowed_networks: Type.Optional(
      Type.Array(Type.String({ minLength: 1, expects: 'a network such as 10.0.0.0/8' }), {
        minItems: 1,
        description:
          'Networks (CIDR) that must contain the address; host names are then refused. By default any address except link-local ones (169.254.0.0/16, fe80::/10, fd00:ec2::254), where clouds keep credentials.',
        examples: [['10.0.0.0/8', 'fd00::/8']],
      }),
    ),
    address: Type.Optional(
      Type.Union([Type.Literal('any'), Type.Literal('peer')], {
        title: '"any" or "peer"',
        expects: 'any or peer',
        default: 'any',
        description:
          'peer: only the address that the device connects from, with the port that it sends (":9100"). Do not use it behind a proxy.',
      }),
    ),
    ttl: duration(
      'Time to live of a registration that does not set its own, 1s to max_ttl. Devices should register three times in that time.',
      DEFAULT_TTL,
    ),
    max_ttl: duration('The longest time to live that a registration can set.', DEFAULT_MAX_TTL),
    max_instances: count('Limit of instances. A new one beyond it gets 429.', {
      default: DEFAULT_MAX_INSTANCES,
    }),
    max_bytes: size(
      'Limit of bytes for all registrations together, in memory and in the journal. A registration that exceeds it gets 429. One registration has at most 16 KiB.',
      { default: DEFAULT_MAX_BYTES },
    ),
    max_instances_per_token: count(
      'Limit of instances for one token of token_file; max_instances by default.',
    ),
    max_bytes_per_token: size(
      'Limit of bytes for the registrations of one token of token_file; max_bytes by default.',
    ),
  },
  {
    additionalProperties: false,
    description:
      'Devices that register themselves, with PUT /api/v1/sources/<name>/instances/<id>. A record has the fields id, address, host, port and labels; its labels become labels of its targets.',
  },
)

/** Those keys as they stand in a configuration file. */
export type PushConfig = Static<typeof pushSchema>
