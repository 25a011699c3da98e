/**
 * The URL of a module that a thread loads: its file stands at the same path in every build, whatever files the
 * code that starts the thread is in. `scripts/build.mjs` finds the calls, and makes an entry point of each module.
 * @param path of the compiled module, seen from the root of the program: `refresh/worker.js`
 */
export function moduleUrl(path: string): string {
  // This module, and each chunk of the bundle, is one folder below the root.
  return new URL(`../${path}`, import.meta.url).href
}
