import Type, { type Static } from 'typebox'
import { DEFAULT_MAX_INSTANCES, DEFAULT_MAX_TTL, DEFAULT_TTL } from './defaults.ts'

function duration(description: string, fallback: string) {
  const expects = 'a duration such as 90s, 5m or 1h'
  return Type.Optional(Type.String({ title: 'duration', expects, default: fallback, description }))
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
          'File with the token that devices send as "Authorization: Bearer …"; one on each line, so that a new one can be handed out before the old one is taken away. Relative to the configuration file, and read each time it is used.',
        examples: ['push-token'],
      }),
    ),
    insecure_skip_authentication: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Let whoever reaches the port register; instead of token_file.',
      }),
    ),
    ttl: duration(
      'How long a registration lasts without being repeated when it does not say so itself, 1s at least and max_ttl at most. Devices should repeat it three times as often.',
      DEFAULT_TTL,
    ),
    max_ttl: duration('The longest time that a registration may ask for.', DEFAULT_MAX_TTL),
    max_instances: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        expects: 'a whole number from 1 to 1000000',
        default: DEFAULT_MAX_INSTANCES,
        description: 'How many instances there may be; beyond them a new one is answered 429.',
      }),
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
