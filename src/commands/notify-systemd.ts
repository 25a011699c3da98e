import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf } from '../base/errors.ts'
import type { LineLogger } from '../base/line-logger.ts'

/** The timeout of systemd-notify, in milliseconds: it waits until systemd has read the message. */
const TIMEOUT_MS = 10_000

/**
 * Tells systemd that the process is ready, when a unit of `Type=notify` runs it; elsewhere it does nothing.
 * Node.js has no Unix datagram sockets, so the program systemd-notify sends the message (sd_notify(3)); the unit needs
 * `NotifyAccess=all`. Never throws: systemd itself ends a unit that does not notify it.
 * @param status the text for `systemctl status`
 */
export async function notifyReady(
  status: string,
  env: NodeJS.ProcessEnv,
  log: Pick<LineLogger, 'warn'>,
): Promise<void> {
  if (env.NOTIFY_SOCKET === undefined) return
  await promisify(execFile)('systemd-notify', ['READY=1', `STATUS=${status}`], {
    env,
    timeout: TIMEOUT_MS,
  }).catch((error) =>
    log.warn(
      { error: messageOf(error) },
      'systemd was not notified that the server is ready; is systemd-notify installed?',
    ),
  )
}
