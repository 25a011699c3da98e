/** The sites of the demo's sensors. */
export const SITES = ['berlin', 'lyon', 'porto'] as const

/** The initial number of sensors in the demo's inventory; later it differs by two at most. */
export const FLEET_SIZE = 12

/** The number of devices that register themselves. */
export const DEVICES = 4

/** Time between two changes of the demo's fleet, in milliseconds. */
export const CHANGE_INTERVAL_MS = 20_000
