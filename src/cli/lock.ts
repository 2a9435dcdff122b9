// A store has one owner. Two short verbs at once, or a hub that starts while a verb still runs, should not trip over
// each other: whoever finds the store locked waits a moment for it.

import { setTimeout as delay } from 'node:timers/promises'
import { hasCode } from '../base/errors.ts'
import { CLI_LIMITS } from '../base/limits.ts'

/** Calls `open` again and again while the store is locked, for about two seconds. @throws ReplicaError ERR_STORE_LOCKED */
export async function retryWhileLocked<T>(signal: AbortSignal, open: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + CLI_LIMITS.lockWaitMsMax
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_LOCKED') || performance.now() > deadline) throw error
    }
    await delay(CLI_LIMITS.lockRetryMs, undefined, { signal })
  }
}
