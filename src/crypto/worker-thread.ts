// Starts the worker threads that verify and sign. They get neither the flags nor the environment of
// the process: they do not need them, and a thread rejects some flags. A thread does not keep the
// process alive; its owner calls `ref` while it works.

import { Worker } from 'node:worker_threads'
import { ReplicaError } from '../base/errors.ts'

/**
 * Whether a thread ended because its file is not beside this code, as in a program that was bundled
 * into one file. Another attempt would end the same way.
 */
export function isMissingThread(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND' || cause instanceof MissingThreadError
}

/** This code does not know where it lies: a bundler has removed that. */
class MissingThreadError extends Error {}

/**
 * Starts a thread that runs `file`, a compiled file in this folder. `purpose` completes the message
 * "cannot start a thread to …".
 * @throws ReplicaError ERR_INTERNAL if the thread cannot be started
 */
export function startThread(file: string, purpose: string): Worker {
  try {
    const here: string | undefined = import.meta.url
    if (here === undefined) throw new MissingThreadError('import.meta.url is not known')
    const thread = new Worker(new URL(file, here), { execArgv: [], env: {} })
    thread.unref()
    return thread
  } catch (cause) {
    throw new ReplicaError('ERR_INTERNAL', `cannot start a thread to ${purpose}`, { cause })
  }
}
