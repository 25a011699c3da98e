/** A checked backup that is being installed: a start that finds it installs all of its files again. */
export const PENDING = '.restored'

/** The name of a source, or of the list that it had from another inventory. */
const NAME = '[a-zA-Z0-9_-]{1,63}(?:\\.[0-9a-f]{8})?'

const KEPT = new RegExp(
  `^(?:\\.fleet\\.json|\\.views\\.json|${NAME}\\.snapshot|${NAME}\\.[0-9a-f]{16}\\.json|push/${NAME}\\.journal|history/\\d{16}-\\d{13}\\.jsonl)$`,
)

/** Whether a path is that of a stored file of Rollcall, in the folder of `--storage.path`; no other file is restored. */
export function isKeptPath(path: string): boolean {
  return KEPT.test(path)
}
