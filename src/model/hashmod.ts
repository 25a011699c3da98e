import { hash } from 'node:crypto'

/** Below this, a remainder times 2^32 is exact. */
const EXACT_BELOW = 2 ** 21

/**
 * Prometheus's hashmod: bytes 8 to 15 of the MD5 of the text's UTF-8, read as one unsigned big-endian number,
 * modulo `modulus`: a whole number from 1 to 2^64 - 1, as a bigint if it is more than 2^53 - 1.
 */
export function hashmod<Modulus extends number | bigint>(text: string, modulus: Modulus): Modulus
export function hashmod(text: string, modulus: number | bigint): number | bigint {
  const digest = hash('md5', text, 'hex')
  const high = Number.parseInt(digest.slice(16, 24), 16)
  const low = Number.parseInt(digest.slice(24), 16)
  if (typeof modulus === 'number' && modulus <= EXACT_BELOW)
    return ((high % modulus) * 2 ** 32 + low) % modulus
  const remainder = ((BigInt(high) << 32n) | BigInt(low)) % BigInt(modulus)
  return typeof modulus === 'number' ? Number(remainder) : remainder
}
