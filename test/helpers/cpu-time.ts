/** How much processor time some work takes, in milliseconds: on a busy machine it takes no more of it. */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
