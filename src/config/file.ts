import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { messageOf, UsageError } from '../base/errors.ts'
import { type Problem, parseConfigDocument } from './document.ts'
import fileSchema from './file-schema.json' with { type: 'json' }
import type { Context } from './resolve/context.ts'
import { resolveSources } from './resolve/sources.ts'
import type { FileConfig } from './schema.ts'
import type { SourceSettings } from './settings.ts'
import { validate } from './validate.ts'

/**
 * Loads the sources of a configuration file.
 * @throws UsageError with one line `file:line:column: key: …` for each thing that is wrong
 */
export async function loadFile(path: string, env: Context['env']): Promise<SourceSettings[]> {
  const document = parseConfigDocument(await read(path), path)
  if ('syntax' in document) throw new UsageError(document.syntax)
  const fail = (problems: readonly Problem[]) =>
    new UsageError(problems.map((problem) => document.describe(problem)).join('\n'))
  const problems = validate(fileSchema, document.value)
  if (problems.length > 0) throw fail(problems)
  const folder = dirname(resolve(path))
  const config = document.value as FileConfig
  const sources = resolveSources({ config, folder, env, textAt: document.text, problems, path: [] })
  if (problems.length > 0) throw fail(problems)
  return sources
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--config.file: ${path} cannot be read: ${messageOf(error)}`)
  }
}
