import { compareSync } from 'bcryptjs'

/** Whether a password matches a bcrypt hash. Runs in a thread. */
export function comparePassword({ hash, password }: { hash: string; password: string }): boolean {
  return compareSync(password, hash)
}
