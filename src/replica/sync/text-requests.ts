// Chooses the wanted texts to request from a peer. Remembers in memory when a text was requested
// from a peer, so that a text that the peer does not have is not requested in every round.
// Spec: protocol/sync.md, S55.

import { type Digest, digestKey } from '../../base/bytes.ts'
import { WIRE_LIMITS } from '../../base/limits.ts'
import { LruMap } from '../../base/lru-map.ts'
import type { TextFilter } from '../../base/text-filter.ts'
import type { FrontierStore } from '../../store/store.ts'

const { textsPerRoundMax } = WIRE_LIMITS
const REMEMBERED_MAX = 65_536
const DELAY_MS_MIN = 30_000
const DELAY_MS_MAX = 3_600_000

interface Request {
  readonly due: number
  readonly delay: number
}

export class TextRequests {
  readonly #log: FrontierStore
  /** By the peer's key and the sequence number of the node. */
  #requests = new LruMap<string, Request>(REMEMBERED_MAX)
  /** Only texts of matching events, while a fetch by filter runs. */
  match: TextFilter | undefined

  constructor(log: FrontierStore) {
    this.#log = log
  }

  /** Returns nodes whose texts to request from a peer now, oldest first. `now` is in ms. */
  async next(peer: Uint8Array, now: number): Promise<Digest[]> {
    const seqs: number[] = []
    let after = -1
    while (seqs.length < textsPerRoundMax) {
      const page = await this.#log.absent('wanted', { after, limit: textsPerRoundMax })
      for (const seq of page) {
        if (seqs.length === textsPerRoundMax) break
        if (this.#isDue(peer, seq, now)) seqs.push(seq)
      }
      if (page.length < textsPerRoundMax) break
      after = page.at(-1)!
    }
    for (const seq of seqs) this.#note(peer, seq, now)
    return (await this.#log.read(seqs)).map(({ digest }) => digest)
  }

  /** Returns whether there is a text to request from a peer now. */
  async hasDue(peer: Uint8Array, now: number): Promise<boolean> {
    let after = -1
    for (;;) {
      const page = await this.#log.absent('wanted', { after, limit: textsPerRoundMax })
      if (page.some(seq => this.#isDue(peer, seq, now))) return true
      if (page.length < textsPerRoundMax) return false
      after = page.at(-1)!
    }
  }

  /** Forgets the requests, so that every wanted text is due. */
  reset(): void {
    this.#requests = new LruMap(REMEMBERED_MAX)
  }

  #isDue(peer: Uint8Array, seq: number, now: number): boolean {
    const last = this.#requests.get(requestKey(peer, seq))
    return last === undefined || now >= last.due
  }

  #note(peer: Uint8Array, seq: number, now: number): void {
    const key = requestKey(peer, seq)
    const last = this.#requests.get(key)
    const delay = last === undefined ? DELAY_MS_MIN : Math.min(2 * last.delay, DELAY_MS_MAX)
    this.#requests.set(key, { due: now + delay, delay })
  }
}

function requestKey(peer: Uint8Array, seq: number): string {
  return `${digestKey(peer)} ${seq}`
}
