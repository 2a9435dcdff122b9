// Which nodes of a log the other side, the sink, lacks. Parents always have smaller sequence numbers than their children,
// so going down by number meets every node after all its descendants. When all heads of the sink are stored here the
// answer is exact without a question: go down, spread "known" from the sink's heads to their ancestors, stop when nothing
// open is left. Otherwise ids are offered from the newest down, and only what the sink lacks is followed further: where
// it has a node it has all the ancestors. Both cost the difference and its edge, not the log; memory is one byte for
// each number in the region walked. A sink that lies gets too little and harms nobody else: the comparison of heads
// digests at the end of a session says so. Specification: protocol/admission.md, D11 to D13.

import type { Digest } from '../base/bytes.ts'
import { yieldToEventLoop } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import { Heap } from '../graph/heap.ts'
import { PagedFlags } from '../graph/paged-flags.ts'
import type { FrontierStore, NodeRow } from '../store/store.ts'

/** An ancestor-or-self of a head of ours was met. */
const REACHED = 1
/** The sink has it. */
const KNOWN = 2
/** Looked at; its parents are reached. */
const VISITED = 4
/** The sink lacks it. */
const MISSING = 8

const OFFER_MIN = 32
const WALK_BATCH_BYTES = 128 * 1024
const WINDOW_BYTES_MIN = 16 * 1024
const WINDOW_BYTES_MAX = 512 * 1024
const ROWS_PER_TURN = 8192
/** Heap entries are numbers counted from the top, because the heap gives the least first. */
const TOP = 0xffffffff

export interface DifferenceOptions {
  /** Heads of the sink, as many as are known. */
  readonly sinkHeads: readonly Digest[]
  readonly sinkHeadsComplete: boolean
  /** How many nodes the sink says it has: used to stop sooner, never needed. */
  readonly sinkCount: number
  /** The sink has every node with a smaller sequence number. */
  readonly cursor?: number
  /** Nodes from this number on are no part of the question; all stored ones when absent. */
  readonly count?: number
  readonly signal?: AbortSignal
}

interface OfferedNode {
  readonly seq: number
  readonly parents: readonly number[]
}

type Row = Pick<NodeRow, 'seq' | 'digest' | 'parents'>

export class SetDifference {
  /** True when the sink need not be asked: `missing` can be read at once. */
  readonly exact: boolean
  readonly #log: FrontierStore
  readonly #signal: AbortSignal | undefined
  readonly #count: number
  /** The sink is known to have everything below. */
  readonly #floor: number
  readonly #flags = new PagedFlags()
  readonly #queue = new Heap()
  #missing = 0
  /** Reached, not known to the sink, not visited: while there are any, the walk goes on. */
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

  /** Looks the heads up and, where no question is needed, makes the walk. @throws ReplicaError ERR_ABORTED, ERR_STORE_… */
  static async open(log: FrontierStore, options: DifferenceOptions): Promise<SetDifference> {
    const { sinkHeads, sinkHeadsComplete, sinkCount, cursor = 0, signal } = options
    const located = await log.locate(sinkHeads)
    // Taken together and after the look-up, so that no head of the sink lies beyond the top.
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

  /** How many nodes the sink is found to lack so far. */
  get size(): number {
    return this.#missing
  }

  /**
   * Up to `max` ids for the sink to judge, newest first; none when everything is known. Fewer are given while the sink's
   * answers show that the edge of the difference is near, so that asking costs little more than the difference.
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
   * The sink's answer to the last offer: a bit for each id, least significant first, set where the sink has the node.
   * @throws ReplicaError ERR_SYNC_FRAME when the length is wrong
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
      // Newest first: a parent in this same offer comes later in it and is known by then.
      for (const parent of parents) this.#markKnown(parent)
    }
    this.#offered = undefined
    this.#offerSize = Math.min(Math.max(2 * (this.#missing - before), OFFER_MIN), WIRE_LIMITS.idsPerOfferMax)
  }

  /** Sequence numbers of the nodes that the sink lacks, ascending: parents first. */
  missing(): Iterable<number> {
    if (!this.exact && !this.#finished) throw new TypeError('ids are still to be offered')
    const isRange = this.#missing === this.#count - this.#floor
    return isRange ? range(this.#floor, this.#count) : this.#flags.having(MISSING)
  }

  /** An empty sink lacks all but what it holds aside, which is what its cursor says. */
  #markAllMissing(): SetDifference {
    this.#missing = this.#count - this.#floor
    this.#finished = true
    return this
  }

  /** Goes down from `top` until nothing open is left, or as many are found lacking as the sink's own count leaves. */
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

  /** The row at `seq`, from a window read downward: numbers are asked for in descending order, mostly side by side. */
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
    if (this.#signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'the search for the difference was aborted')
  }
}

function* range(from: number, to: number): Generator<number, void, void> {
  for (let seq = from; seq < to; seq++) yield seq
}
