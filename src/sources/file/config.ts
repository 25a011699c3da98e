import Type, { type Static } from 'typebox'
import { formatKeys } from '../format-keys.ts'

/** The keys of `file:` in a source of the configuration file. */
export const fileSourceSchema = Type.Object(
  {
    files: Type.Array(Type.String({ title: 'filename' }), {
      minItems: 1,
      expects: 'a list of paths such as ["inventory/*.json"]',
      description:
        'Paths of the files, relative to this file. The name of a file, not of a folder, may have "*" (any characters) and "?" (any one) in it; hidden files are not matched. Each path must match a file: a folder that is not mounted is no empty inventory. Changes are seen within a second. Replace a file by renaming another to its name, so that it is never read half-written.',
      examples: [['inventory/*.json', 'extra.yml']],
    }),
    ...formatKeys(
      'How the files are written. By default the name tells: .json, .ndjson, .jsonl, .yml, .yaml, .csv, .txt or .lst (a host a line), .toml, .ini or .cfg, .xml, each also with .gz behind it. The first row of CSV names the fields. Files for file_sd_configs are read as they are.',
    ),
    max_size: Type.Optional(
      Type.String({
        title: 'size',
        format: 'size',
        default: '256MB',
        description: 'The most that all files may have together; more fails the refresh. At most 500MB.',
        examples: ['64MB'],
      }),
    ),
  },
  {
    additionalProperties: false,
    expects: 'a set of keys, such as { files: ["stores/*.csv"] }',
    description:
      'An inventory in files: JSON, NDJSON, YAML, CSV, a host a line, TOML, INI (Ansible inventories too) or XML.',
  },
)

/** Those keys as they stand in a configuration file. */
export type FileSourceConfig = Static<typeof fileSourceSchema>
