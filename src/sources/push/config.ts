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
          'File with the token that devices send as "Authorization: Bearer …"; one on each line, so that a new one can be handed out before the old one is taken away. Relative to the configuration file, and read again once a second at most.',
        examples: ['push-token'],
      }),
    ),
    device_tokens_file: Type.Optional(
      Type.String({
        title: 'filename',
        minLength: 1,
        expects: 'a path',
        description:
          'File with a token for each device: on each line an id, a space and its token, which may register and remove that id only. Beside token_file, or instead of it.',
        examples: ['device-tokens'],
      }),
    ),
    insecure_skip_authentication: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Let whoever reaches the port register; instead of token_file.',
      }),
    ),
    allowed_labels: Type.Optional(
      Type.Array(Type.String({ minLength: 1, expects: 'the name of a label, or an expression for names' }), {
        description:
          'Labels that devices may send: names, or expressions (RE2) that match whole names. A registration with another label is answered 400. By default all but job, instance and those that begin with `__`, of which only `__metrics_path__` and `__scheme__` are allowed.',
        examples: [['site', 'rack_.*']],
      }),
    ),
    allowed_networks: Type.Optional(
      Type.Array(Type.String({ minLength: 1, expects: 'a network such as 10.0.0.0/8' }), {
        minItems: 1,
        description:
          'Networks, as CIDR, that addresses have to be in; host names are refused then. By default any address but link-local ones (169.254.0.0/16, fe80::/10, fd00:ec2::254), where clouds keep credentials.',
        examples: [['10.0.0.0/8', 'fd00::/8']],
      }),
    ),
    address: Type.Optional(
      Type.Union([Type.Literal('any'), Type.Literal('peer')], {
        title: '"any" or "peer"',
        expects: 'any or peer',
        default: 'any',
        description:
          'peer: only the address that the device calls from, with the port that it gives (":9100"). Not behind a proxy, whose address that would be.',
      }),
    ),
    ttl: duration(
      'How long a registration lasts without being repeated when it does not say so itself, 1s at least and max_ttl at most. Devices should repeat it three times as often.',
      DEFAULT_TTL,
    ),
    max_ttl: duration('The longest time that a registration may ask for.', DEFAULT_MAX_TTL),
    max_instances: count('How many instances there may be; beyond them a new one is answered 429.', {
      default: DEFAULT_MAX_INSTANCES,
    }),
    max_bytes: size(
      'How many bytes their registrations may have together, in memory and in the journal; beyond them what is larger is answered 429. One has 16 KiB at most.',
      { default: DEFAULT_MAX_BYTES },
    ),
    max_instances_per_token: count(
      'How many instances one token of token_file may have registered; max_instances by default.',
    ),
    max_bytes_per_token: size(
      'How many bytes the registrations of one token of token_file may have together; max_bytes by default.',
    ),
  },
  {
    additionalProperties: false,
    description:
      'Devices that register themselves, with PUT /api/v1/sources/<name>/instances/<id>. A record has the fields id, address, host, port and labels; its labels are labels of its targets.',
  },
)

/** Those keys as they stand in a configuration file. */
export type PushConfig = Static<typeof pushSchema>
