// Long work beside other things: a few milliseconds of it in each turn of the event loop, so that sessions, streams and other
// requests go on meanwhile.

import { setImmediate } from 'node:timers/promises'
import type { CooperativeTask } from './cooperative.ts'

/** Milliseconds of the work in one turn; the piece in which they pass is finished. */
const TURN_MS = 8

/** @throws what the work throws */
export async function runCooperatively<T>(work: CooperativeTask<T>): Promise<T> {
  for (;;) {
    const began = performance.now()
    do {
      const piece = work.next()
      if (piece.done === true) return piece.value
    } while (performance.now() - began < TURN_MS)
    await setImmediate()
  }
}
