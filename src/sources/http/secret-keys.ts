import Type from 'typebox'
import { variable } from '../../base/variable.ts'

/** A key whose text may be a secret. */
export function secretText(description: string, more: { examples?: string[] } = {}) {
  return Type.Optional(requiredSecretText(description, more))
}

/** A required key whose text may be a secret. */
export function requiredSecretText(description: string, more: { examples?: string[] } = {}) {
  return Type.String({
    title: 'secret',
    minLength: 1,
    secret: true,
    expects: 'a text; put it in quotes',
    description,
    ...more,
  })
}

/** A body of a request, whose texts may be secrets. */
export function bodySchema(description: string, example: Record<string, unknown>) {
  return Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown()), Type.Array(Type.Unknown())], {
    expects: 'a text, or a set of keys or a list, which is sent as JSON',
    secret: true,
    description,
    examples: [example],
  })
}

/** A key that names a file. */
export function filePath(description: string, example: string) {
  return Type.Optional(
    Type.String({ title: 'filename', minLength: 1, expects: 'a path', description, examples: [example] }),
  )
}

/** Added to the description of every file that is read each time it is used. */
export const READ_EACH_TIME =
  'Relative to the configuration file, and read each time it is used, so that a change needs no restart.'

/** Added to the description of every text that can contain environment variables. */
export const FROM_ENV = `\`${variable('NAME')}\` in it stands for an environment variable.`
