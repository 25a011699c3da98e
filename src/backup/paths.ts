/** A checked backup whose files are being put in place: whoever finds it puts all of them in place again. */
export const PENDING = '.restored'

/** A source, or the list that it had from another inventory. */
const NAME = '[a-zA-Z0-9_-]{1,63}(?:\\.[0-9a-f]{8})?'

const KEPT = new RegExp(
  `^(?:\\.fleet\\.json|\\.views\\.json|${NAME}\\.snapshot|${NAME}\\.[0-9a-f]{16}\\.json|push/${NAME}\\.journal|history/\\d{16}-\\d{13}\\.jsonl)$`,
)

/** Whether this is the path of a file that Rollcall keeps, in the folder of `--storage.path`; no other is restored. */
export function isKeptPath(path: string): boolean {
  return KEPT.test(path)
}
