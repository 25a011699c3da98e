/** How long a registration lasts that does not say so itself, as a Prometheus duration and in milliseconds. */
export const DEFAULT_TTL = '90s'
export const DEFAULT_TTL_MS = 90_000

/** The longest time to live that a device may ask for when nothing is configured. */
export const DEFAULT_MAX_TTL = '1d'

/** The shortest time to live, in milliseconds. */
export const MIN_TTL_MS = 1_000

/** How many instances a source has at most when nothing is configured. */
export const DEFAULT_MAX_INSTANCES = 10_000
