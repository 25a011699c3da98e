import { messageOf, RefreshError } from '../base/errors.ts'

/** Whatever a refresh threw; what is none of the known failures is a defect. */
export function asRefreshError(thrown: unknown): RefreshError {
  if (thrown instanceof RefreshError) return thrown
  return new RefreshError('internal', messageOf(thrown), { cause: thrown })
}
