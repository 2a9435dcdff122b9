// Long computations as generators that pause between steps. A caller without other work runs one to
// completion; a hub runs it a few milliseconds at a time.

import { setImmediate } from 'node:timers/promises'

/** Resolves in a new iteration of the event loop, after pending socket events. */
export function yieldToEventLoop(): Promise<void> {
  return setImmediate()
}

/** A computation that yields between steps and returns its result. */
export type CooperativeTask<T> = Generator<undefined, T, undefined>

/**
 * Milliseconds of work in one iteration of the event loop. The step in which they pass runs to its
 * end.
 */
const SLICE_MS = 8

/** Runs all steps without a pause. @throws what the task throws */
export function runToCompletion<T>(task: CooperativeTask<T>): T {
  let step = task.next()
  while (step.done !== true) step = task.next()
  return step.value
}

/**
 * Runs about 8 ms of steps in each iteration of the event loop, so that sessions, streams and
 * requests go on meanwhile.
 * @throws what the task throws
 */
export async function runCooperatively<T>(task: CooperativeTask<T>): Promise<T> {
  for (;;) {
    const startedMs = performance.now()
    do {
      const step = task.next()
      if (step.done === true) return step.value
    } while (performance.now() - startedMs < SLICE_MS)
    await yieldToEventLoop()
  }
}
