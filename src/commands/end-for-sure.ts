/** What a process can do to itself. */
type Platform = Pick<NodeJS.Process, 'pid' | 'execPath' | 'removeAllListeners' | 'kill' | 'abort'> & {
  /** Node.js has it from 22.15 on. */
  execve?(file: string, args: readonly string[], env: NodeJS.ProcessEnv): never
}

/**
 * Ends the process although threads of it hang in a file system: an ordinary exit would wait for them. The process
 * becomes another one where it can, which ends with the right code. Otherwise a signal ends it: SIGTERM when all
 * was done that SIGTERM asks for, SIGKILL when it was not.
 */
export function endForSure(platform: Platform, code: number): void {
  platform.execve?.(platform.execPath, [platform.execPath, '-e', `process.exitCode = ${code}`], {})
  platform.removeAllListeners('SIGTERM')
  platform.kill(platform.pid, code === 0 ? 'SIGTERM' : 'SIGKILL')
  // The first process of a container is sent no signal that it does not handle, not even by itself.
  platform.abort()
}
