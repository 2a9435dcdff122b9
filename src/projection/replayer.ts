// Replays one frontier's log incrementally: the order of all nodes, their ancestry, the events they
// carry, and the view. An event enters the view once, at the first place of an authoritative node,
// with all such nodes. New nodes cost the part after the first place that they change. Spec:
// protocol/replay.md, R18, R20.

import { lowerBound } from '../base/binary-search.ts'
import { yieldToEventLoop } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { validatedKeyVerifier } from '../crypto/validated-keys.ts'
import { Ancestry } from '../graph/ancestry.ts'
import { IncrementalOrder } from '../graph/incremental-order.ts'
import { PagedFlags } from '../graph/paged-flags.ts'
import { printJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { decodeNode } from '../node/node.ts'
import type { FrontierStore } from '../store/store.ts'
import { type ActorRecord, printActor } from '../vela/resolution/authority.ts'
import type { Proposal } from '../vela/resolution/proposal.ts'
import { addProposals, applyEvent, emptyView, rewindView } from '../vela/state/reducer.ts'
import type { View } from '../vela/state/state.ts'
import { EventIndex } from './event-index.ts'

/** Events applied per iteration of the event loop: about 10 ms. */
const READ_BATCH = 128

/** Flags of `#unsure`. */
const BELOW = 1
const TWIN = 2

/** State before the first event. The same object as long as nothing of it changes. */
export interface InitialState {
  readonly genesis: Iterable<ReadonlyMap<string, Json>>
  readonly proposals: Iterable<Pick<Proposal, 'id' | 'payload'>>
  /** Registered actors of the frontier; undefined if their list can't be read. */
  readonly actors: readonly ActorRecord[] | undefined
}

/** How far to replay, and which keys are authoritative. */
export interface ReplayStep {
  /** Number of nodes to include. */
  readonly to: number
  readonly initialState: InitialState
  /** A number that changes with each change of the registry. */
  readonly registry: number
  readonly isAuthoritative: (key: Uint8Array) => boolean
  /** Called from time to time. Must be cheap and must not throw. */
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined
}

/** Progress of a replay. */
export interface ReplayProgress {
  /** Nodes read, of `total`. */
  readonly read: number
  readonly total: number
  /** Events in the view. */
  readonly replayed: number
}

/** The part of a log that replay reads. */
export type ReplayedLog = Pick<FrontierStore, 'scan' | 'read'>

export class Replayer {
  readonly #log: ReplayedLog
  readonly #order = new IncrementalOrder()
  readonly #ancestry = new Ancestry()
  readonly #carriers = new EventIndex()
  /** Per event in the view: the node at its first place, and the findings that it touched. */
  #applied: number[] = []
  readonly #findings: (readonly string[])[] = []
  /** Place of each event in the view. */
  readonly #places = new Map<number, number>()
  readonly #verify = validatedKeyVerifier()
  /**
   * By node: `BELOW` if the text of a descendant is withheld, which may have replaced what the node
   * says; by event: `TWIN` if the text of one of its nodes is withheld, which others have seen.
   */
  readonly #unsure = new PagedFlags()
  #newlyUnsure: number[] = []
  #initialState: InitialState
  #registry: number | undefined
  #view: View

  constructor(log: ReplayedLog, initialState: InitialState) {
    this.#log = log
    this.#initialState = initialState
    this.#view = this.#empty()
  }

  get view(): View {
    return this.#view
  }

  /** Number of included nodes. */
  get nodes(): number {
    return this.#order.size
  }

  /**
   * Includes nodes. Returns the findings that may have changed. The object is unusable after an
   * error.
   */
  async advance(target: ReplayStep): Promise<Set<string>> {
    const gained = await this.#gather(target)
    const from = Math.min(await this.#order.settle(), this.#recheck(target, gained))
    let first = this.#arrange(from)
    for (const event of gained) first = Math.min(first, this.#places.get(event) ?? first)
    if (target.initialState !== this.#initialState) first = Math.min(first, this.#reseed(target.initialState))
    const touched = new Set(this.#findings.slice(first).flat())
    await this.#apply(first, touched, target)
    for (const seq of this.#newlyUnsure.splice(0)) {
      const place = this.#places.get(this.#carriers.eventOf(seq))
      for (const finding of (place === undefined ? undefined : this.#findings[place]) ?? []) touched.add(finding)
    }
    return touched
  }

  /**
   * Returns the first event from which the view has to be rebuilt. If only proposals were added,
   * only events that lacked one are affected.
   */
  #reseed(initialState: InitialState): number {
    const isSame =
      conflictList(initialState.genesis) === conflictList(this.#initialState.genesis) &&
      actorsText(initialState) === actorsText(this.#initialState)
    this.#initialState = initialState
    const first = isSame ? addProposals(this.#view, initialState.proposals) : undefined
    if (first === undefined) this.#view = this.#empty()
    return first ?? 0
  }

  #empty(): View {
    const { actors, ...initialState } = this.#initialState
    const authorities = { actors, verify: this.#verify }
    return emptyView({
      ...initialState,
      authorities,
      precedes: (a, b) => this.#ancestry.precedes(a, b),
      mayBeReplaced: node => this.#isUnsure(node),
    })
  }

  /** Reads new nodes. Returns the known events that have a further node. */
  async #gather({ to, isAuthoritative, onProgress }: ReplayStep): Promise<Set<number>> {
    const gained = new Set<number>()
    for await (const rows of this.#log.scan({ from: this.nodes, to })) {
      for (const { seq, bytes, digest, parents, text: state } of rows) {
        const { label, event, text, key } = decodeNode(bytes)
        this.#order.add({ label, event, digest, parents })
        this.#ancestry.add(parents)
        const carried = this.#carriers.add(this.#order.eventKey(seq), { event: text, key, isAuthoritative })
        if (carried !== seq) gained.add(carried)
        if (state === 'wanted' || state === 'left-out') this.#noteWithheld(seq, carried)
      }
      onProgress?.({ read: this.nodes, total: to, replayed: 0 })
      await yieldToEventLoop()
    }
    return gained
  }

  #isUnsure(node: number): boolean {
    return (this.#unsure.get(node) & BELOW) !== 0 || (this.#unsure.get(this.#carriers.eventOf(node)) & TWIN) !== 0
  }

  /**
   * Marks the event and the ancestors of a node whose text is withheld. A walk ends at marked
   * ancestors, so that all walks together visit each node once.
   */
  #noteWithheld(seq: number, event: number): void {
    this.#mark(event, TWIN)
    const left = [seq]
    for (let at = left.pop(); at !== undefined; at = left.pop()) {
      for (const parent of this.#order.parentsOf(at)) {
        if ((this.#unsure.get(parent) & BELOW) !== 0) continue
        this.#mark(parent, BELOW)
        left.push(parent)
      }
    }
  }

  #mark(seq: number, flag: number): void {
    this.#unsure.set(seq, this.#unsure.get(seq) | flag)
    this.#newlyUnsure.push(seq)
  }

  /** Returns the first place of a node whose authority changed with the registry. */
  #recheck({ registry, isAuthoritative }: ReplayStep, gained: Set<number>): number {
    if (registry === this.#registry) return this.nodes
    this.#registry = registry
    let first = this.nodes
    for (const seq of this.#carriers.recheck(isAuthoritative)) {
      gained.add(this.#carriers.eventOf(seq))
      first = Math.min(first, this.#order.placeOf(seq))
    }
    return first
  }

  /** Lists the events again from a place on. Returns the first one that changed. */
  #arrange(from: number): number {
    const kept = this.#appliedBefore(from)
    const before = this.#applied.slice(kept)
    this.#applied = this.#applied.slice(0, kept)
    for (const seq of before) this.#places.delete(this.#carriers.eventOf(seq))
    for (let place = from; place < this.nodes; place++) {
      const seq = this.#order.at(place)
      const event = this.#carriers.eventOf(seq)
      if (!this.#carriers.counts(seq) || this.#places.has(event)) continue
      this.#places.set(event, this.#applied.length)
      this.#applied.push(seq)
    }
    let first = kept
    while (first - kept < before.length && this.#applied[first] === before[first - kept]) first++
    return first
  }

  /** Returns the number of events in the view before a place of the order. */
  #appliedBefore(place: number): number {
    return lowerBound(this.#applied.length, index => this.#order.placeOf(this.#applied[index]!) < place)
  }

  async #apply(first: number, touched: Set<string>, { onProgress, to }: ReplayStep): Promise<void> {
    let next = rewindView(this.#view, first)
    this.#findings.length = next
    while (next < this.#applied.length) {
      for (const { seq, bytes } of await this.#log.read(this.#applied.slice(next, next + READ_BATCH))) {
        const nodes = this.#carriers.nodesOf(this.#carriers.eventOf(seq))
        const { text } = decodeNode(bytes)
        if (text === undefined) throw new ReplicaError('ERR_ABORTED', 'a text was taken out during replay')
        const { findings } = applyEvent(this.#view, { text, nodes })
        this.#findings.push(findings)
        if (next >= first) for (const finding of findings) touched.add(finding)
        next += 1
      }
      onProgress?.({ read: this.nodes, total: to, replayed: next })
      await yieldToEventLoop()
    }
  }
}

function conflictList(findings: InitialState['genesis']): string {
  return Array.from(findings, finding => printJson(finding as Map<string, Json>)).join('\n')
}

function actorsText({ actors }: InitialState): string | undefined {
  return actors?.map(printActor).join('\n')
}
