// A subscriber: a real session over a real WebSocket whose replica is only a counter of the nodes
// that it has of the hub's log. It verifies and writes nothing, so one process can run hundreds. It
// checks that each node arrives once, in the hub's order.

import { randomBytes } from 'node:crypto'
import { type Digest, digestKey, type HashedBlock, sha256 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { Key } from '../../src/crypto/key.ts'
import type { Admission, LogState } from '../../src/sync/connection.ts'
import { setBit } from '../../src/sync/message.ts'
import { type ReplicaPort, Session } from '../../src/transport/session.ts'
import { connect } from '../../src/transport/websocket-link.ts'
import { frontier, keyBytes } from '../stores.ts'
import { ageMs, type Latencies } from './stamp.ts'

const RETRY_MS_MIN = 500
const RETRY_MS_MAX = 60_000

/**
 * The hub's log as seen by the subscribers of this process: a chain, whose newest node is the only
 * head.
 */
export class SeenLog {
  readonly #places = new Map<string, number>()
  readonly #digests: Digest[] = []

  /** Returns the index of a node; a new one gets the next index. */
  place(digest: Digest): number {
    const key = digestKey(digest)
    const known = this.#places.get(key)
    if (known !== undefined) return known
    this.#places.set(key, this.#digests.length)
    return this.#digests.push(digest) - 1
  }

  find(digest: Digest): number | undefined {
    return this.#places.get(digestKey(digest))
  }

  /** Heads of the log when it had this many nodes. */
  heads(count: number): Digest[] {
    return count === 0 ? [] : [this.#digests[count - 1]!]
  }
}

export interface Target {
  readonly url: string
  readonly key: string
}

export class Subscriber {
  /** Nodes received in the hub's order without a gap. */
  count = 0
  /** Nodes received twice or out of order. */
  outOfOrder = 0
  /** Times that it caught up, and failed dials. */
  caughtUp = 0
  failures = 0
  readonly #log: SeenLog
  readonly #latencies: Latencies
  readonly #key = Key.generate()
  readonly #store = randomBytes(16)
  readonly #over: AbortSignal

  constructor(options: { log: SeenLog; latencies: Latencies; over: AbortSignal }) {
    this.#log = options.log
    this.#latencies = options.latencies
    this.#over = options.over
  }

  /** Follows the hub until the end, and reconnects with exponential backoff and jitter. */
  async run(target: Target): Promise<void> {
    let retryMs = RETRY_MS_MIN
    while (!this.#over.aborted) {
      const before = this.caughtUp
      try {
        await this.#session(target)
      } catch (error) {
        if (!hasCode(error)) throw error
        this.failures += 1
      }
      if (this.#over.aborted) return
      if (this.caughtUp > before) retryMs = RETRY_MS_MIN
      await new Promise(resolve => setTimeout(resolve, Math.random() * retryMs))
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX)
    }
  }

  async #session({ url, key }: Target): Promise<void> {
    const { link, host, binding, loopback } = await connect(url, { signal: this.#over })
    const config = {
      role: 'client' as const,
      hub: 'hub:subscriber',
      key: this.#key.publicKeyBytes,
      sign: (message: Uint8Array) => this.#key.sign(message),
      nonce: randomBytes(32),
      host,
      expect: keyBytes(key),
      compress: !loopback,
      ...(binding === undefined ? {} : { binding }),
    }
    const exchange = new Session(link, config, this.#services(), { signal: this.#over })
    try {
      await exchange.ready
      const live = exchange.live(frontier, 'pull')
      live.done.catch(() => {}) // the exchange says the same
      await live.caughtUp
      this.caughtUp += 1
      await live.done
    } finally {
      exchange.close()
    }
  }

  #state(): LogState {
    return { count: this.count, digest: sha256(Buffer.concat(this.#log.heads(this.count))) }
  }

  #admit(blocks: readonly HashedBlock[]): Admission {
    const now = process.hrtime.bigint()
    let admitted = 0
    for (const { bytes: node, digest } of blocks) {
      const place = this.#log.place(digest)
      if (place === this.count) this.count += 1
      else this.outOfOrder += 1
      this.#latencies.add(ageMs(node, now))
      admitted += 1
    }
    return { admitted, known: 0, held: [], released: [], refused: [], documents: [] }
  }

  #services(): ReplicaPort {
    const own: Partial<ReplicaPort> = {
      view: async () => ({
        store: this.#store,
        ...this.#state(),
        trace: new Uint8Array(32),
        registry: new Uint8Array(32),
        heads: this.#log.heads(this.count),
        cursor: null,
        mayRead: true,
        mayWrite: true,
      }),
      have: async (_, ids) => {
        const stored = new Uint8Array((ids.length + 7) >> 3)
        ids.forEach((id, i) => {
          if ((this.#log.find(id) ?? this.count) < this.count) setBit(stored, i)
        })
        return { stored, held: new Uint8Array(stored.length), state: this.#state() }
      },
      waits: async () => [],
      admit: async (_, blocks) => this.#admit(blocks),
      remember: async () => {},
      watch: async () => () => {},
    }
    return own as ReplicaPort
  }
}
