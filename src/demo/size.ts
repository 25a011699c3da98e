/** Where the demo's sensors stand. */
export const SITES = ['berlin', 'lyon', 'porto'] as const

/** How many sensors the demo's inventory lists at first; a churning fleet keeps within two of it. */
export const FLEET_SIZE = 12

/** How many more register themselves. */
export const DEVICES = 4

/** Time between two changes of the demo's fleet, in milliseconds. */
export const CHANGE_INTERVAL_MS = 20_000
