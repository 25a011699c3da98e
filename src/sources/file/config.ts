import Type, { type Static } from 'typebox'
import { formatKeys } from '../format-keys.ts'

/** The keys of `file:` in a source of the configuration file. */
export const fileSourceSchema = Type.Object(
  {
    files: Type.Array(Type.String({ title: 'filename' }), {
      minItems: 1,
      expects: 'a list of paths such as ["inventory/*.json"]',
      description:
        'Paths of the files, relative to this file. File names, but not folders, can contain "*" (any characters) and "?" (any one); hidden files are not matched. Each path must match a file, so that an unmounted folder is not read as an empty inventory. Changes are detected within a second. Replace a file by renaming another to its name, so that it is never read half-written.',
      examples: [['inventory/*.json', 'extra.yml']],
    }),
    ...formatKeys(
      'Format of the files. By default it follows the name: .json, .ndjson, .jsonl, .yml, .yaml, .csv, .txt or .lst (a host a line), .toml, .ini or .cfg, .xml, each also followed by .gz. The first row of CSV names the fields. Files for file_sd_configs are read unchanged.',
    ),
    max_size: Type.Optional(
      Type.String({
        title: 'size',
        format: 'size',
        default: '256MB',
        description: 'Limit for all files together. More fails the refresh. At most 500MB.',
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
