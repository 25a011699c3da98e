import { createRequire } from 'node:module'
import { messageOf, RefreshError } from '../base/errors.ts'
import { parseYamlDocuments } from '../base/yaml-document.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { createYamlReader } from './yaml-values.ts'

// The parser is loaded on first use, to save memory on servers that never read YAML; a dynamic import would
// make decoding asynchronous.
const load = createRequire(import.meta.url)

/** YAML; decoding it takes a hundred times as long as JSON. */
export const yaml: FormatRules = {
  extensions: ['yml', 'yaml'],
  accept: 'application/yaml, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 8 * 1024,
  decode: decodeYaml,
}

/**
 * Decodes YAML 1.2 (core schema, and merge keys). Numbers that would not be written back unchanged (`1.10`,
 * `010`, `0x1F`, more than 2^53) stay texts, so that labels have the same text as the file. Keys become
 * texts. Tags such as Ansible's `!unsafe` are ignored, and values tagged `!vault` are masked. Several
 * documents are joined to one list: a list adds its items, any other document adds itself.
 * @throws RefreshError `parse` with line and column
 */
function decodeYaml(text: string, name: string): Json {
  const yaml = load('yaml') as typeof import('yaml')
  const fail = (offset: number, message: string) =>
    new RefreshError('parse', `${name} is not valid YAML at ${placeOf(text, offset)}: ${message}`)
  const documents = parseYamlDocuments(yaml, text, {
    schema: 'core',
    // The reader does both: the parser's own check of keys takes quadratic time, and its !!binary makes
    // bytes.
    uniqueKeys: false,
    resolveKnownTags: false,
    prettyErrors: false,
  })
  for (const { errors } of documents) for (const error of errors) throw fail(error.pos[0], messageOf(error))
  const values = documents.map(({ contents }) => createYamlReader(yaml, fail)(contents))
  // A `---` after the last document begins another, empty one.
  const filled = values.length > 1 ? values.filter((value) => value !== null) : values
  // An empty text is null, which is not an empty list.
  return filled.length > 1 ? filled.flat() : (filled[0] ?? null)
}

/** Formats an offset as line and column. */
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`
}
