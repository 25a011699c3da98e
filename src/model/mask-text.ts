import { MASK } from '../base/secret.ts'
import { replaceUserInfo } from '../base/urls.ts'

/** A PEM block; a truncated one has no end. */
const PEM = /-----BEGIN [^-]+-----[\s\S]*?(?:-----END [^-]+-----|$)/g

const BEARER = /\b(bearer\s+)([\w.~+/=-]{8,})/gi

/** A header with credentials of another scheme. */
const AUTHORIZATION =
  /\b(authorization["']?\s*[:=]\s*["']?(?:basic|digest|negotiate|apikey|token)\s+)([^\s"']{4,})/gi

/**
 * Tokens with a known prefix: JSON Web Tokens, and those of GitHub, GitLab, Slack, AWS, Vault, Google, npm
 * and others.
 */
const TOKEN =
  /(?<![\w-])(?:eyJ[\w-]{8,4096}\.[\w.-]{8,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|A[KS]IA[A-Z0-9]{16}|hv[sbr]\.[\w-]{20,}|sk-[\w-]{20,}|AIza[\w-]{30,}|npm_\w{30,}|dop_v1_\w{30,})/g

/** `password=…`, `"token": "…"`, also as a parameter of a URL; but not `token:9100`, which is an address. */
const ASSIGNED =
  /((?:pass(?:w(?:or)?d|phrase|code)?|pwd|psk|secret|token|credentials?|(?:api|access|private|account|auth|shared)[_-]?key|\bsig|community)(?:["']?\s*=\s*["']?|["']\s*:\s*["']?|:\s+["']?))([^\s&;,"']+)/gi

/** What all of these patterns need; most texts do not match it, which saves the other patterns. */
const MAYBE =
  /:\/\/|=|-----BEGIN|:\s|["']\s*:|bearer\s|authorization|eyJ|gh\w_|_pat_|glpat-|xox|A[KS]IA|hv\w\.|sk-|AIza|npm_|dop_v1_/i

/**
 * Masks secrets that are recognisable by their form: the user and password of a URL, PEM blocks, tokens with
 * a known prefix, bearer tokens, and values assigned to a name such as `password`.
 * @param found called with each secret that is masked
 */
export function maskText(text: string, found: (secret: string) => void): string {
  if (!MAYBE.test(text)) return text
  const keep = (_all: string, before: string, secret: string) => {
    found(secret)
    return before + MASK
  }
  const whole = (secret: string) => {
    found(secret)
    return MASK
  }
  const withoutPem = text.replace(PEM, whole).replace(TOKEN, whole)
  const withoutUsers = replaceUserInfo(withoutPem, (userInfo) => {
    for (const part of userInfo.split(':')) for (const form of decoded(part)) found(form)
    return MASK
  })
  return withoutUsers.replace(BEARER, keep).replace(AUTHORIZATION, keep).replace(ASSIGNED, keep)
}

/** A part of a URL, as written and decoded. */
function decoded(part: string): string[] {
  try {
    return [part, decodeURIComponent(part)]
  } catch {
    return [part]
  }
}
