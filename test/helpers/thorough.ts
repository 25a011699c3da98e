/**
 * Whether the tests that can go on for as long as one likes are to take their time: in continuous integration, once;
 * what runs there a second time, with another Node.js, says `QUICK=true`.
 */
export const isThorough = process.env.CI === 'true' && process.env.QUICK !== 'true'
