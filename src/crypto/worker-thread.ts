// Threads that check and sign. They get no flags and no environment of the process: they need none, and some flags can't be
// given to a thread. Only one with work keeps the process alive: whoever gives it some says `ref`.

import { Worker } from 'node:worker_threads'
import { ReplicaError } from '../base/errors.ts'

/** Runs a compiled file beside this one; `purpose` is for the message. @throws ReplicaError ERR_INTERNAL */
export function startThread(file: string, purpose: string): Worker {
  try {
    const thread = new Worker(new URL(file, import.meta.url), { execArgv: [], env: {} })
    thread.unref()
    return thread
  } catch (cause) {
    throw new ReplicaError('ERR_INTERNAL', `can't start a thread to ${purpose}`, { cause })
  }
}
