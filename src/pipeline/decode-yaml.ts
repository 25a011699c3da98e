import { createRequire } from 'node:module'
import { messageOf, RefreshError } from '../base/errors.ts'
import { parseYamlDocuments } from '../base/yaml-document.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { createYamlReader } from './yaml-values.ts'

// The parser is loaded when it is first needed, to save the memory of the many servers that never read YAML;
// a dynamic import would make decoding asynchronous.
const load = createRequire(import.meta.url)

/** YAML; reading it takes a hundred times as long as JSON. */
export const yaml: FormatRules = {
  extensions: ['yml', 'yaml'],
  accept: 'application/yaml, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 8 * 1024,
  decode: decodeYaml,
}

/**
 * Reads YAML 1.2 (core schema, and merge keys). Numbers that would not come back as they are
 * written (`1.10`, `010`, `0x1F`, more than 2^53) stay texts, so that labels say what the file says; keys become
 * texts; tags such as Ansible's `!unsafe` are passed over, and what is tagged `!vault` is masked. Several documents are one list: of the items of those that are lists,
 * and of the others as they are.
 * @throws RefreshError `parse` with line and column
 */
function decodeYaml(text: string, name: string): Json {
  const yaml = load('yaml') as typeof import('yaml')
  const fail = (offset: number, message: string) =>
    new RefreshError('parse', `${name} is not valid YAML at ${placeOf(text, offset)}: ${message}`)
  const documents = parseYamlDocuments(yaml, text, {
    schema: 'core',
    // Both are done by the reader: the parser's own check of keys takes quadratic time, and its !!binary makes bytes.
    uniqueKeys: false,
    resolveKnownTags: false,
    prettyErrors: false,
  })
  for (const { errors } of documents) for (const error of errors) throw fail(error.pos[0], messageOf(error))
  const values = documents.map(({ contents }) => createYamlReader(yaml, fail)(contents))
  // A mark behind the last one begins another, which is empty.
  const filled = values.length > 1 ? values.filter((value) => value !== null) : values
  // Nothing at all is no empty list.
  return filled.length > 1 ? filled.flat() : (filled[0] ?? null)
}

/** A place in a text, for people. */
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`
}
