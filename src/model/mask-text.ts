import { MASK } from '../base/secret.ts'
import { replaceUserInfo } from '../base/urls.ts'

/** A block of PEM; one that was cut has no end. */
const PEM = /-----BEGIN [^-]+-----[\s\S]*?(?:-----END [^-]+-----|$)/g

const BEARER = /\b(bearer\s+)([\w.~+/=-]{8,})/gi

/** `password=…`, `"token": "…"`, also as a parameter of a URL; but not `token:9100`, which is an address. */
const ASSIGNED =
  /((?:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|private)[_-]?key|community)(?:["']?\s*=\s*["']?|["']\s*:\s*["']?|:\s+["']?))([^\s&;,"']+)/gi

/** What all of these have in common; most texts have nothing of it. */
const MAYBE = /:\/\/|=|-----BEGIN|:\s|["']\s*:|bearer\s/i

/**
 * Masks what in any text is a secret by its form: the user and password of a URL, PEM blocks, bearer tokens,
 * and values that a telling name is given to.
 * @param found called with each secret that is masked
 */
export function maskText(text: string, found: (secret: string) => void): string {
  if (!MAYBE.test(text)) return text
  const keep = (_all: string, before: string, secret: string) => {
    found(secret)
    return before + MASK
  }
  const withoutPem = text.replace(PEM, (block) => {
    found(block)
    return MASK
  })
  const withoutUsers = replaceUserInfo(withoutPem, (userInfo) => {
    for (const part of userInfo.split(':')) for (const form of decoded(part)) found(form)
    return MASK
  })
  return withoutUsers.replace(BEARER, keep).replace(ASSIGNED, keep)
}

/** A part of a URL as it is written and as it is meant. */
function decoded(part: string): string[] {
  try {
    return [part, decodeURIComponent(part)]
  } catch {
    return [part]
  }
}
