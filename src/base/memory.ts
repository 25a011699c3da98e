/**
 * Makes `process.memoryUsage` return its last result when it fails. Measuring opens a file, for which there
 * may be no file descriptor left, and libraries measure in a timer, where an error would end the process.
 */
export function measureMemoryAlways(host: Pick<NodeJS.Process, 'memoryUsage'>): void {
  const { memoryUsage } = host
  const lastOf = <Value>(measure: () => Value) => {
    let last = measure()
    return () => {
      try {
        last = measure()
      } catch {
        // Return the last result.
      }
      return last
    }
  }
  host.memoryUsage = Object.assign(lastOf(memoryUsage), { rss: lastOf(memoryUsage.rss) })
}
