/**
 * Whether a text looks like a word of an error message rather than like a host: Unauthorized, null, OK. Where it is all
 * that there is, it is not taken for the only host of an inventory.
 */
export function isMessage(text: string): boolean {
  return /^[a-z]+[.!]?$/i.test(text.trim())
}
