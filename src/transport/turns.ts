// Reads of nodes take turns: one batch at a time over all channels of a session, and only while little waits to be written.
// So what lies between the store and the network is one batch and the outbound buffer, whoever asks for how much.

import type { Input } from '../sync/state.ts'
import type { Link } from './link.ts'

export type Read = () => Promise<Input>

export class Turns {
  readonly #link: Link
  readonly #start: (read: Read) => void
  readonly #waiting: Read[] = []
  #isTaken = false

  constructor(link: Link, start: (read: Read) => void) {
    this.#link = link
    this.#start = start
  }

  add(read: Read): undefined {
    this.#waiting.push(read)
    if (!this.#isTaken) this.next()
  }

  /** What the last read brought has been handed to the link. */
  next(): void {
    const read = this.#waiting.shift()
    this.#isTaken = read !== undefined
    if (read !== undefined) this.#link.drained().then(() => this.#start(read))
  }
}
