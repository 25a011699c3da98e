/** The functions of a process to end itself. */
type Platform = Pick<NodeJS.Process, 'pid' | 'execPath' | 'removeAllListeners' | 'kill' | 'abort'> & {
  /** In Node.js since 22.15. */
  execve?(file: string, args: readonly string[], env: NodeJS.ProcessEnv): never
}

/**
 * Ends the process even if its threads hang in a file system: an ordinary exit would wait for them. Where execve exists,
 * another program replaces the process and exits with the code. Otherwise a signal ends it: SIGTERM for code 0, else
 * SIGKILL.
 */
export function endForSure(platform: Platform, code: number): void {
  platform.execve?.(platform.execPath, [platform.execPath, '-e', `process.exitCode = ${code}`], {})
  platform.removeAllListeners('SIGTERM')
  platform.kill(platform.pid, code === 0 ? 'SIGTERM' : 'SIGKILL')
  // The first process of a container gets no signal that it does not handle, not even from itself.
  platform.abort()
}
