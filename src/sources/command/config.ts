import Type, { type Static } from 'typebox'
import { formatKeys } from '../format-keys.ts'

/** The keys of `command:` in a source of the configuration file. */
export const commandSchema = Type.Object(
  {
    // Not shown on the status page: people pass secrets as arguments, whatever the documentation says.
    argv: Type.Array(Type.String({ secret: true }), {
      minItems: 1,
      expects: 'a list of texts such as [psql, --csv, --command, "SELECT ip, name FROM sensors"]',
      description:
        'The program and its arguments. There is no shell: nothing is expanded, and each argument is passed unchanged. A program without a slash is searched for in PATH; a relative path is relative to this file. The program runs in the folder of this file. All users of the machine can see arguments: pass secrets in env.',
      examples: [['psql', '--csv', '--command', 'SELECT ip, name FROM sensors']],
    }),
    env: Type.Optional(
      Type.Array(Type.String(), {
        expects: 'a list of names such as [PGHOST, PGPASSWORD]',
        description:
          'Names of environment variables of Rollcall that the program gets in addition to PATH and HOME. It gets no others. Values are masked in messages if the name indicates a secret.',
        examples: [['PGHOST', 'PGPASSWORD']],
      }),
    ),
    ...formatKeys('Format of the output. The first row of CSV names the fields.', 'json'),
    max_size: Type.Optional(
      Type.String({
        title: 'size',
        format: 'size',
        default: '256MB',
        description: 'Limit for the output. More fails the refresh. At most 500MB.',
        examples: ['64MB'],
      }),
    ),
  },
  {
    additionalProperties: false,
    expects: 'a set of keys, such as { argv: [psql, --csv, --command, "SELECT ip, name FROM sensors"] }',
    description:
      'A program whose standard output is the inventory; needs --enable-command-sources. The refresh fails unless the program ends with exit status 0 within timeout and leaves no process of its group behind. Processes that still run get SIGTERM, and SIGKILL two seconds later.',
  },
)

/** Those keys as they stand in a configuration file. */
export type CommandConfig = Static<typeof commandSchema>
