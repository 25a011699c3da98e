/** Anywhere in a name, these mark it as the name of a secret; separators and case are ignored. */
const TELLING =
  /passw|passphrase|passcode|secret|token|credential|authorization|cookie|communit|connectionstring|keytab|(?:api|private|priv|access|auth|signing|shared|encryption|master|account|storage|license|wpa|wifi|ssh|client|tls|ssl|hmac|aes|rsa)key/

/** Too short to be searched inside of words: only whole words count. */
const WORDS: ReadonlySet<string> = new Set([
  'pass',
  'pwd',
  'pw',
  'psk',
  'cred',
  'creds',
  'jwt',
  'bearer',
  'dsn',
  'connstr',
  'otp',
  'totp',
  'sas',
])

/**
 * Whether a field or label of this name holds a secret. `key` alone does not count (a key can be an id), nor
 * does `auth` as a part of a name (`auth_protocol`).
 */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  const joined = words.join('')
  return joined === 'auth' || TELLING.test(joined) || words.some((word) => WORDS.has(word))
}
