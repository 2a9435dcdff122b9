// Which texts of a frontier are here: counts them, fetches left-out ones from peers, and drops
// texts that take too much space.
// Spec: protocol/text.md, X1 to X9.

import { isErasure } from '../../admission/erasure-event.ts'
import { toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { WIRE_LIMITS } from '../../base/limits.ts'
import { isTextFilter, type KeptTexts, type TextFilter } from '../../base/text-filter.ts'
import { eventMatcher } from '../../event/event-filter.ts'
import { decodeNode } from '../../node/node.ts'
import type { AbsentState, NodeRow, TextChange } from '../../store/store.ts'
import type { Frontier } from '../frontier.ts'
import { rowsByReference } from '../log-reader.ts'
import type { SyncOptions } from './sync-client.ts'
import { type TextStatus, textStatus } from './text-status.ts'

const CHANGES_MAX = 1024
/** Rows read at a time, because each has a text of up to 1 MiB. */
const ROWS = 16

/** From where to fetch texts. */
export interface TextFetchOptions extends SyncOptions {
  /** The peer to fetch from. Default: each registered peer, until no text is wanted. */
  readonly peer?: string
}

/** Which texts stay. */
export interface TextDropOptions {
  /** Drop the oldest texts until the others have at most this many bytes. Default: 0. */
  readonly budgetBytes?: number
  /** Event ids and CIDs of nodes whose texts stay. */
  readonly keep?: readonly string[]
  /** Event ids and CIDs of the nodes whose texts to drop. Default: the oldest. */
  readonly events?: readonly string[]
}

/** Parts of the replica that texts need. */
export interface TextsParts {
  readonly frontier: Frontier
  /** Present and former own public keys, 64 hex digits each. */
  readonly ownKeys: ReadonlySet<string>
  /** Returns the present time, RFC 3339. */
  readonly now: () => string
  readonly pull: (peer: string, options: SyncOptions) => Promise<unknown>
}

function isNameList(what: readonly string[] | 'all' | TextFilter): what is readonly string[] {
  return Array.isArray(what)
}

/**
 * The texts of one frontier.
 *
 * @example
 * const texts = replica.texts(frontier)
 * await texts.fetch(['vev_01d80143725060ef'])
 * console.log(texts.status().here)
 */
export class Texts {
  readonly #parts: TextsParts
  /** Fetches that run. */
  #fetches = 0

  constructor(parts: TextsParts) {
    this.#parts = parts
  }

  /** Returns how many texts are in each state. */
  status(): TextStatus {
    return textStatus(this.#parts.frontier)
  }

  /** Sets which texts of new nodes this replica keeps. The texts of stored nodes do not change. */
  keep(keeps: KeptTexts): Promise<void> {
    const { gate, policy } = this.#parts.frontier
    return gate.exclusive(() => policy.set(keeps))
  }

  /**
   * Fetches left-out and wanted texts from peers: of these nodes, of all, or of matching events. A
   * text that was named and that no peer has stays wanted; a named text is pinned.
   * @returns the number of texts that arrived
   * @throws ReplicaError ERR_NOT_FOUND, ERR_USAGE, ERR_INSTANT, ERR_PEER_UNKNOWN, ERR_SYNC_… if no
   *   peer can be reached
   */
  async fetch(
    what: readonly string[] | 'all' | TextFilter,
    options: TextFetchOptions = {},
  ): Promise<{ fetched: number }> {
    const { log, policy } = this.#parts.frontier
    const before = log.texts().here
    this.#fetches += 1
    try {
      await this.#fetch(what, options)
    } finally {
      this.#fetches -= 1
      if (this.#fetches === 0) {
        policy.fetched.clear()
        policy.fetchesAll = false
      }
    }
    return { fetched: Math.max(0, log.texts().here - before) }
  }

  async #fetch(what: readonly string[] | 'all' | TextFilter, options: TextFetchOptions): Promise<void> {
    if (what === 'all') {
      this.#parts.frontier.policy.fetchesAll = true
      await this.#wantAll()
    } else if (isNameList(what)) {
      const rows = await this.#rowsOf(what)
      await this.#parts.frontier.policy.pins.add(rows.map(({ digest }) => digest))
      await this.#want(rows)
    } else await this.#fetchMatching(what, options)
    if (what === 'all' || isNameList(what)) await this.#fetchWanted(options)
  }

  /**
   * Requests left-out texts page by page. The peers decide which ones match, because a header does
   * not show it. The others are left out again.
   */
  async #fetchMatching(filter: TextFilter, options: TextFetchOptions): Promise<void> {
    const { log, textRequests, gate, policy } = this.#parts.frontier
    if (!isTextFilter(filter)) throw new ReplicaError('ERR_USAGE', 'a filter has a time, or 1 to 64 kinds or targets')
    const matches = eventMatcher(filter)
    textRequests.match = filter
    try {
      for (let after = -1; ; ) {
        const seqs = await log.absent('left-out', { after, limit: WIRE_LIMITS.textsPerRoundMax })
        if (seqs.length === 0) return
        const rows = await log.read(seqs)
        for (const { digest } of rows) policy.fetched.add(digest)
        await this.#want(rows)
        await this.#fetchWanted(options)
        const isAside = ({ text, bytes, headerBytes }: NodeRow): boolean =>
          text === 'wanted' || (text === 'here' && !matches(bytes.subarray(headerBytes)))
        await this.#change(seqs, {
          state: 'left-out',
          isDue: row => isAside(row) && gate.erasures.stateFor(decodeNode(row.bytes)) === undefined,
        })
        after = seqs.at(-1)!
      }
    } finally {
      textRequests.match = undefined
    }
  }

  async #fetchWanted(options: TextFetchOptions): Promise<void> {
    const { log, registry, textRequests } = this.#parts.frontier
    const { peer, ...sync } = options
    textRequests.reset()
    const peers = peer === undefined ? registry.list().map(({ id }) => id) : [peer]
    let failure: unknown
    let reached = 0
    for (const id of peers) {
      if (log.texts().wanted === 0) break
      try {
        await this.#pullTexts(id, sync)
        reached += 1
      } catch (error) {
        if (!hasCode(error) || hasCode(error, 'ERR_ABORTED')) throw error
        failure ??= error
      }
    }
    if (reached === 0 && failure !== undefined) throw failure
  }

  /**
   * Drops texts: they are left out. Without names the oldest go first, and texts that were fetched
   * by name stay; a text that is dropped by name is no longer pinned. Texts of nodes that this
   * replica made and of erasures always stay.
   * @throws ReplicaError ERR_NOT_FOUND
   */
  async drop(options: TextDropOptions = {}): Promise<{ dropped: number; bytes: number }> {
    const { events } = options
    if (events === undefined) return await this.#dropOldest(options)
    const rows = await this.#rowsOf(events)
    await this.#parts.frontier.policy.pins.remove(rows.map(({ digest }) => digest))
    const seqs = rows.map(({ seq }) => seq)
    const done = await this.#change(seqs, { state: 'left-out', isDue: row => this.#mayDrop(row) })
    return { dropped: done.texts, bytes: done.bytes }
  }

  async #dropOldest({ budgetBytes = 0, keep = [] }: TextDropOptions): Promise<{ dropped: number; bytes: number }> {
    const { frontier } = this.#parts
    const pinned = new Set((await this.#rowsOf(keep)).map(({ seq }) => seq))
    const { pins } = frontier.policy
    let excess = (await this.#bytesHere()) - budgetBytes
    let dropped = 0
    let bytes = 0
    let due: number[] = []
    const write = async (): Promise<void> => {
      const done = await this.#change(due, { state: 'left-out', isDue: row => this.#mayDrop(row) })
      dropped += done.texts
      bytes += done.bytes
      due = []
    }
    for await (const rows of frontier.log.scan({ from: 0 })) {
      for (const row of rows) {
        if (excess <= 0 || pinned.has(row.seq) || pins.has(row.digest) || !this.#mayDrop(row)) continue
        due.push(row.seq)
        excess -= row.bytes.length - row.headerBytes
        if (due.length === CHANGES_MAX) await write()
      }
      if (excess <= 0) break
    }
    await write()
    return { dropped, bytes }
  }

  #mayDrop({ text, bytes, headerBytes }: NodeRow): boolean {
    if (text !== 'here' || isErasure(bytes.subarray(headerBytes))) return false
    return !this.#parts.ownKeys.has(toHex(decodeNode(bytes).key))
  }

  async #bytesHere(): Promise<number> {
    let sum = 0
    for await (const rows of this.#parts.frontier.log.scan({ from: 0 })) {
      for (const { bytes, headerBytes } of rows) sum += bytes.length - headerBytes
    }
    return sum
  }

  /**
   * Pulls until every wanted text was requested from this peer once. The number of sessions is
   * bounded, because requests for very many texts are not all remembered.
   */
  async #pullTexts(peer: string, options: SyncOptions): Promise<void> {
    const { log, registry, textRequests } = this.#parts.frontier
    const key = registry.get(peer)?.publicKey
    if (key === undefined) throw new ReplicaError('ERR_PEER_UNKNOWN', `no registered peer '${peer}'`)
    const isDue = (): Promise<boolean> => textRequests.hasDue(Buffer.from(key, 'hex'), Date.parse(this.#parts.now()))
    const sessionsMax = Math.ceil(log.texts().wanted / WIRE_LIMITS.textsPerRoundMax)
    for (let session = 0; session < sessionsMax && (await isDue()); session += 1) {
      await this.#parts.pull(peer, options)
    }
  }

  async #rowsOf(references: readonly string[]): Promise<NodeRow[]> {
    const found: NodeRow[] = []
    for (const reference of references) {
      const rows = await rowsByReference(this.#parts.frontier.log, reference)
      if (rows.length === 0) throw new ReplicaError('ERR_NOT_FOUND', `no node has the id ${reference}`)
      found.push(...rows)
    }
    return found
  }

  async #wantAll(): Promise<void> {
    const { log } = this.#parts.frontier
    let after = -1
    for (;;) {
      const seqs = await log.absent('left-out', { after, limit: CHANGES_MAX })
      if (seqs.length === 0) return
      await this.#want(await log.read(seqs))
      after = seqs.at(-1)!
    }
  }

  /** A text that an erasure leaves out here stays left out. */
  async #want(rows: readonly NodeRow[]): Promise<void> {
    const { gate } = this.#parts.frontier
    const isDue = ({ text, bytes }: NodeRow): boolean =>
      text === 'left-out' && gate.erasures.stateFor(decodeNode(bytes)) === undefined
    const seqs = rows.filter(isDue).map(({ seq }) => seq)
    for (let from = 0; from < seqs.length; from += CHANGES_MAX) {
      await this.#change(seqs.slice(from, from + CHANGES_MAX), { state: 'wanted', isDue })
    }
  }

  /**
   * Gives a state to the texts of those nodes that are still due. It reads them again inside the
   * mutex of the gate, because an erasure may have come since the caller read them.
   */
  async #change(
    seqs: readonly number[],
    { state, isDue }: { state: AbsentState; isDue: (row: NodeRow) => boolean },
  ): Promise<{ texts: number; bytes: number }> {
    const { frontier } = this.#parts
    const changes: TextChange[] = []
    let bytes = 0
    if (seqs.length === 0) return { texts: 0, bytes }
    await frontier.gate.exclusive(async () => {
      for (let from = 0; from < seqs.length; from += ROWS) {
        for (const row of await frontier.log.read(seqs.slice(from, from + ROWS))) {
          if (!isDue(row)) continue
          changes.push({ seq: row.seq, state })
          bytes += row.bytes.length - row.headerBytes
        }
      }
      if (changes.length > 0) await frontier.setTexts(changes)
    })
    return { texts: changes.length, bytes }
  }
}
