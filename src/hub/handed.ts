// What an address was told of last, for what it asks next: who has just read an entry gets the snapshot that it is about,
// and who has just read a frontier file gets the signature over it, also when events came in between. Each is good for one
// request and for a while; addresses may be shared, so this is a help and no promise. Specification: protocol/http.md, H11.

import { HTTP_LIMITS } from '../limits.ts'
import type { Capture, Captures } from './captures.ts'

const HANDED_MAX = 4096

export class Handed {
  readonly #captures: Captures
  readonly #clock: () => number
  readonly #last = new Map<string, { hash: string; at: number }>()

  constructor(captures: Captures, clock: () => number = () => performance.now()) {
    this.#captures = captures
    this.#clock = clock
  }

  tell(capture: Capture, address: string): void {
    const key = `${address} ${capture.frontier}`
    this.#last.delete(key)
    this.#last.set(key, { hash: capture.fileHash, at: this.#clock() })
    const [oldest] = this.#last.keys()
    if (this.#last.size > HANDED_MAX && oldest !== undefined) this.#last.delete(oldest)
  }

  /** Once. */
  take(frontier: string, address: string): Capture | undefined {
    const key = `${address} ${frontier}`
    const told = this.#last.get(key)
    if (told === undefined) return undefined
    this.#last.delete(key)
    return this.#clock() - told.at > HTTP_LIMITS.captureMsMax ? undefined : this.#captures.find(frontier, told.hash)
  }
}
