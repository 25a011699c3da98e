import { compareSync } from 'bcryptjs'

/** Runs in a thread: whether a password is the one of a bcrypt hash. */
export function comparePassword({ hash, password }: { hash: string; password: string }): boolean {
  return compareSync(password, hash)
}
