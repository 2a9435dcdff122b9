// Which nodes of a log the sink lacks.
// Parents have smaller sequence numbers than their children, so a walk to smaller numbers meets
// each node after all its descendants. If all heads of the sink are stored here, the result needs
// no question: the walk spreads "known" from the sink's heads to their ancestors and stops when no
// open node is left. Otherwise ids are offered from the newest on, and only below ids that the sink
// lacks: a sink that has a node has all its ancestors. Both ways cost the difference and its edge,
// not the log. Memory is one byte per number in the region walked.
// A sink that lies gets too few nodes and harms nobody else: the comparison of heads at the end of
// the session shows it.
// Spec: protocol/admission.md, D11 to D13.

import type { Digest } from '../base/bytes.ts'
import { yieldToEventLoop } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import { abortError } from '../base/signal.ts'
import { Heap } from '../graph/heap.ts'
import { PagedFlags } from '../graph/paged-flags.ts'
import type { FrontierStore, NodeRow } from '../store/store.ts'

/** An own head or an ancestor of one. */
const REACHED = 1
/** The sink has it. */
const KNOWN = 2
/** Visited; its parents are reached. */
const VISITED = 4
/** The sink lacks it. */
const MISSING = 8

const OFFER_MIN = 32
const WALK_BATCH_BYTES = 128 * 1024
const WINDOW_BYTES_MIN = 16 * 1024
const WINDOW_BYTES_MAX = 512 * 1024
const ROWS_PER_TURN = 8192
/** The heap returns the smallest entry first, so entries count down from here. */
const TOP = 0xffffffff

/** The known state of the sink. */
export interface DifferenceOptions {
  /** Heads of the sink, as far as known. */
  readonly sinkHeads: readonly Digest[]
  readonly sinkHeadsComplete: boolean
  /**
   * Number of nodes that the sink states. It lets the walk stop earlier; the result does not depend
   * on it.
   */
  readonly sinkCount: number
  /** The sink has every node with a smaller sequence number. */
  readonly cursor?: number
  /** Nodes from this number on are ignored; all nodes are considered if absent. */
  readonly count?: number
  readonly signal?: AbortSignal
}

interface OfferedNode {
  readonly seq: number
  readonly parents: readonly number[]
}

type Row = Pick<NodeRow, 'seq' | 'digest' | 'parents'>

/** Computes the difference between a log and a sink. */
export class SetDifference {
  /** Whether `missing` can be read without offers to the sink. */
  readonly exact: boolean
  readonly #log: FrontierStore
  readonly #signal: AbortSignal | undefined
  readonly #count: number
  /** The sink has everything below this number. */
  readonly #floor: number
  readonly #flags = new PagedFlags()
  readonly #queue = new Heap()
  #missing = 0
  /**
   * Nodes that are reached, not visited and not known to the sink. The walk ends when there are
   * none.
   */
  #open = 0
  #offered: OfferedNode[] | undefined
  #offerSize = OFFER_MIN
  #finished = false
  #window: Row[] = []
  #windowBytes = WINDOW_BYTES_MIN

  private constructor(
    log: FrontierStore,
    options: { count: number; floor: number; exact: boolean; signal?: AbortSignal },
  ) {
    this.#log = log
    this.#count = options.count
    this.#floor = options.floor
    this.exact = options.exact
    this.#signal = options.signal
  }

  /**
   * Looks up the heads and, if no offers are needed, makes the walk.
   * @throws ReplicaError ERR_ABORTED, ERR_STORE_…
   */
  static async open(log: FrontierStore, options: DifferenceOptions): Promise<SetDifference> {
    const { sinkHeads, sinkHeadsComplete, sinkCount, cursor = 0, signal } = options
    const located = await log.locate(sinkHeads)
    // Both are read after the lookup, so no head of the sink lies beyond the top.
    const top = log.nodes
    const heads = log.heads()
    const count = Math.min(options.count ?? top, top)
    const known = located.filter(place => place !== undefined).map(place => place.seq)
    const empty = sinkHeadsComplete && sinkHeads.length === 0
    const exact = sinkHeadsComplete && known.length === sinkHeads.length
    const floor = Math.min(cursor, count)
    const difference = new SetDifference(log, { count, floor, exact, ...(signal && { signal }) })
    if (empty) return difference.#markAllMissing()
    for (const seq of known) difference.#markKnown(seq)
    for (const place of await log.locate(heads)) if (place !== undefined) difference.#descend(place.seq)
    const within = known.every(seq => seq < count)
    if (exact) await difference.#walk(top, within ? count - sinkCount : Number.POSITIVE_INFINITY)
    return difference
  }

  /** Number of missing nodes found so far. */
  get size(): number {
    return this.#missing
  }

  /**
   * Returns up to `max` ids for the sink to look up, newest first; none once everything is known.
   * Offers shrink near the edge of the difference, so they cost little more than the difference.
   */
  async next(max: number): Promise<Digest[]> {
    if (this.#offered !== undefined) throw new TypeError('the last offer is still open')
    if (this.#finished || this.exact) return []
    const offered: OfferedNode[] = []
    const ids: Digest[] = []
    const limit = Math.min(max, this.#offerSize)
    while (ids.length < limit) {
      const entry = this.#queue.pop()
      if (entry === undefined) break
      const seq = TOP - entry
      if ((this.#flags.get(seq) & (KNOWN | VISITED)) !== 0) continue
      this.#checkSignal()
      const row = await this.#row(seq)
      this.#flags.set(seq, this.#flags.get(seq) | VISITED)
      for (const parent of row.parents) this.#descend(parent)
      if (seq >= this.#count) continue
      offered.push({ seq, parents: row.parents })
      ids.push(row.digest)
    }
    this.#finished = ids.length === 0
    if (ids.length > 0) this.#offered = offered
    return ids
  }

  /**
   * Takes the sink's reply to the last offer: one bit per id, least significant first, set if the
   * sink has the node.
   * @throws ReplicaError ERR_SYNC_FRAME if the length is wrong
   */
  answer(bits: Uint8Array): void {
    const offered = this.#offered
    if (offered === undefined) throw new TypeError('there is no open offer')
    if (bits.length !== (offered.length + 7) >> 3) {
      throw new ReplicaError(
        'ERR_SYNC_FRAME',
        `a response of ${bits.length} bytes to an offer of ${offered.length} ids`,
      )
    }
    const before = this.#missing
    for (const [i, { seq, parents }] of offered.entries()) {
      const flags = this.#flags.get(seq)
      const has = ((bits[i >> 3]! >> (i & 7)) & 1) === 1 || (flags & KNOWN) !== 0
      if (!has) {
        this.#markMissing(seq)
        continue
      }
      this.#flags.set(seq, flags | KNOWN)
      // Newest first: a parent in this offer comes later in it and is known by then.
      for (const parent of parents) this.#markKnown(parent)
    }
    this.#offered = undefined
    this.#offerSize = Math.min(Math.max(2 * (this.#missing - before), OFFER_MIN), WIRE_LIMITS.idsPerOfferMax)
  }

  /** Returns the sequence numbers of the missing nodes, ascending: parents first. */
  missing(): Iterable<number> {
    if (!this.exact && !this.#finished) throw new TypeError('ids are still to be offered')
    const isRange = this.#missing === this.#count - this.#floor
    return isRange ? range(this.#floor, this.#count) : this.#flags.having(MISSING)
  }

  /** An empty sink lacks everything except held nodes, which its cursor covers. */
  #markAllMissing(): SetDifference {
    this.#missing = this.#count - this.#floor
    this.#finished = true
    return this
  }

  /** Walks down from `top` until no open node is left, or `missingMax` missing nodes are found. */
  async #walk(top: number, missingMax: number): Promise<void> {
    let rowsThisTurn = 0
    if (this.#open === 0) return
    for await (const rows of this.#log.scan({
      from: this.#floor,
      to: top,
      reverse: true,
      batchBytes: WALK_BATCH_BYTES,
    })) {
      this.#checkSignal()
      for (const row of rows) {
        this.#visit(row)
        if (this.#open === 0 || this.#missing === missingMax) return
      }
      rowsThisTurn += rows.length
      if (rowsThisTurn < ROWS_PER_TURN) continue
      rowsThisTurn = 0
      await yieldToEventLoop()
    }
  }

  #visit({ seq, parents }: Row): void {
    const flags = this.#flags.get(seq)
    if ((flags & KNOWN) !== 0) {
      for (const parent of parents) this.#markKnown(parent)
      return
    }
    if ((flags & REACHED) !== 0) this.#open--
    this.#flags.set(seq, flags | VISITED)
    if (seq < this.#count) this.#markMissing(seq)
    for (const parent of parents) this.#descend(parent)
  }

  #markMissing(seq: number): void {
    this.#flags.set(seq, this.#flags.get(seq) | MISSING)
    this.#missing++
  }

  #descend(seq: number): void {
    if (seq < this.#floor || this.#flags.get(seq) !== 0) return
    this.#flags.set(seq, REACHED)
    this.#open++
    if (!this.exact) this.#queue.push(TOP - seq)
  }

  #markKnown(seq: number): void {
    if (seq < this.#floor) return
    const flags = this.#flags.get(seq)
    if ((flags & (KNOWN | MISSING)) !== 0) return
    if ((flags & (REACHED | VISITED)) === REACHED) this.#open--
    this.#flags.set(seq, flags | KNOWN)
  }

  /**
   * Returns the row at `seq`. Numbers come in descending order and are mostly adjacent, so a window
   * is read downward.
   */
  async #row(seq: number): Promise<Row> {
    const first = this.#window[0]
    const held = first === undefined ? undefined : this.#window[first.seq - seq]
    if (held !== undefined) return held
    const beside = first !== undefined && first.seq - this.#window.length === seq
    this.#windowBytes = beside ? Math.min(this.#windowBytes * 2, WINDOW_BYTES_MAX) : WINDOW_BYTES_MIN
    const scan = this.#log.scan({ from: this.#floor, to: seq + 1, reverse: true, batchBytes: this.#windowBytes })
    for await (const rows of scan) {
      this.#window = rows.map(row => ({ seq: row.seq, digest: row.digest, parents: row.parents }))
      break
    }
    return this.#window[0]!
  }

  #checkSignal(): void {
    if (this.#signal?.aborted) throw abortError(this.#signal, 'the search for the difference was aborted')
  }
}

function* range(from: number, to: number): Generator<number, void, void> {
  for (let seq = from; seq < to; seq++) yield seq
}
