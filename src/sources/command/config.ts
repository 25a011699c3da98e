import Type, { type Static } from 'typebox'
import { formatKeys } from '../format-keys.ts'

/** The keys of `command:` in a source of the configuration file. */
export const commandSchema = Type.Object(
  {
    // The status page shows none of it: people pass secrets as arguments, whatever the documentation says.
    argv: Type.Array(Type.String({ secret: true }), {
      minItems: 1,
      expects: 'a list of texts such as [psql, --csv, --command, "SELECT ip, name FROM sensors"]',
      description:
        'The program and its arguments; there is no shell, so nothing is expanded, and each argument is passed as it is written. A program without a slash is looked for in PATH; a relative path is relative to this file, whose folder the program runs in. Arguments are visible to everybody on the machine: pass secrets by env.',
      examples: [['psql', '--csv', '--command', 'SELECT ip, name FROM sensors']],
    }),
    env: Type.Optional(
      Type.Array(Type.String(), {
        expects: 'a list of names such as [PGHOST, PGPASSWORD]',
        description:
          'Names of environment variables of Rollcall that the program gets beside PATH and HOME. It gets no others. Values of those whose names say that they hold a secret are masked in messages.',
        examples: [['PGHOST', 'PGPASSWORD']],
      }),
    ),
    ...formatKeys('How the output is written. The first row of CSV names the fields.', 'json'),
    max_size: Type.Optional(
      Type.String({
        title: 'size',
        format: 'size',
        default: '256MB',
        description: 'The most that the program may write; more fails the refresh. At most 500MB.',
        examples: ['64MB'],
      }),
    ),
  },
  {
    additionalProperties: false,
    expects: 'a set of keys, such as { argv: [psql, --csv, --command, "SELECT ip, name FROM sensors"] }',
    description:
      'A program whose standard output is the inventory; needs --enable-command-sources. The refresh fails unless the program ends with exit status 0 within timeout and leaves no process of its group behind; whatever still runs then is ended, by SIGTERM and two seconds later by SIGKILL.',
  },
)

/** Those keys as they stand in a configuration file. */
export type CommandConfig = Static<typeof commandSchema>
