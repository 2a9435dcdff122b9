// Starts the worker threads that verify and sign. They get neither the flags nor the environment of
// the process: they do not need them, and a thread rejects some flags. A thread does not keep the
// process alive; its owner calls `ref` while it works.

import { Worker } from 'node:worker_threads'
import { ReplicaError } from '../base/errors.ts'

/**
 * Starts a thread that runs `file`, a compiled file in this folder. `purpose` completes the message
 * "cannot start a thread to …".
 * @throws ReplicaError ERR_INTERNAL if the thread cannot be started
 */
export function startThread(file: string, purpose: string): Worker {
  try {
    const thread = new Worker(new URL(file, import.meta.url), { execArgv: [], env: {} })
    thread.unref()
    return thread
  } catch (cause) {
    throw new ReplicaError('ERR_INTERNAL', `cannot start a thread to ${purpose}`, { cause })
  }
}
