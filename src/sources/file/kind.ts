import { resolve as resolvePath } from 'node:path'
import {
  attempt,
  type Context,
  complain,
  need,
  readSize,
  refuseCsvKeys,
  type SourceKeys,
  within,
} from '../resolving.ts'
import type { Kind } from '../source.ts'
import type { FileSourceConfig } from './config.ts'
import { assertReadable } from './find.ts'
import { matchesPath, parsePattern } from './pattern.ts'
import { createFileSource, DEFAULT_MAX_FILE_BYTES, type FileSourceOptions } from './source.ts'

/** An inventory in files, which are watched. */
export const file: Kind<FileSourceConfig, FileSourceOptions> = {
  resolve,
  create: createFileSource,
  placesOf: ({ files }) => [files.map(({ folder, name }) => `${folder}/${name}`)],
}

function resolve(file: FileSourceConfig, source: SourceKeys, context: Context): FileSourceOptions {
  const inFile = within(context, 'file')
  const { max_size: size, csv_delimiter: delimiter, columns, encoding } = file
  const defaults = { folder: context.folder, kind: file.format, delimiter, columns, encoding }
  const files = file.files.flatMap(
    (text, index) => attempt(inFile, ['files', index], () => parsePattern(text, defaults)) ?? [],
  )
  const isReadable = files.length === file.files.length
  const isCsv = !isReadable || files.some(({ format }) => format.kind === 'csv')
  if (!isCsv) refuseCsvKeys(file, 'has no effect, because no file is CSV; remove it', inFile)
  const output = source.file_sd === undefined ? undefined : resolvePath(context.folder, source.file_sd)
  if (output !== undefined && files.some((pattern) => matchesPath(pattern, output))) {
    complain(context, ['file_sd'], 'is one of the files that this source reads; write it elsewhere')
  }
  for (const [index, pattern] of files.entries()) {
    const severity = pattern.isGlob ? 'warning' : 'error'
    need(inFile, ['files', index], () => assertReadable(pattern, context.files), severity)
  }
  return {
    kind: 'file',
    files,
    maxBytes:
      size === undefined ? DEFAULT_MAX_FILE_BYTES : attempt(inFile, ['max_size'], () => readSize(size)),
  }
}
