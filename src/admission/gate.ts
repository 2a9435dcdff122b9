// The admission gate: the only writer of a frontier's log, for nodes made here and nodes from
// peers.
//
//   step  checks                                  if it fails                       where
//   1     form, frontier, event text              refuse ERR_NODE_…, ERR_EVENT_…    candidate
//   2     signature, in worker threads            refuse ERR_NODE_SIGNATURE         verifier-pool
//   3     registry and cuts                       hold, or refuse ERR_NODE_REVOKED  admission-pass
//   4     parents and height, then documents      hold, or refuse ERR_NODE_HEIGHT,  admission-pass
//                                                 ERR_DOCUMENT
//   5     commit: one atomic batch per chunk      throws ERR_STORE_…                frontier-log
//
// Steps 1 and 2 of a call overlap with earlier calls. Steps 3 to 5 run under a mutex, in the order
// of the calls. A node that is stored, held or signed by this process has passed step 2 before. A
// refused node leaves no trace. A held node is admitted, with its descendants, as soon as its wait
// is satisfied.
// Spec: protocol/admission.md, D28 to D40.

import { type Digest, DigestMap, DigestSet, HashedBlock } from '../base/bytes.ts'
import { yieldToEventLoop } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { COMMIT_LIMITS, DOCUMENT_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import type { VerifierPool } from '../crypto/verifier-pool.ts'
import { blockOf } from '../node/decoder.ts'
import type { FrontierStore, HeldStore, NodeEntry, Records, StoreSharing, Wait } from '../store/store.ts'
import { type AdmissionContext, AdmissionPass } from './admission-pass.ts'
import type { AdmitReport, HeldNodeRef } from './admission-report.ts'
import { type Candidate, type Examined, examine, type Refusal } from './candidate.ts'
import { DocumentCheck } from './document-availability.ts'
import type { ErasedText } from './erasure-event.ts'
import { Erasures } from './erasures.ts'
import { SignedNode } from './own-node.ts'
import { RecentCommits } from './recent-commits.ts'
import type { Registry } from './registry.ts'
import type { TextPolicy } from './text-policy.ts'
import { UnresolvedCuts } from './unresolved-cuts.ts'
import { WaitFilter } from './wait-filter.ts'

export type { AdmitReport, HeldNodeRef }

/**
 * A block from any source; a block with its digest; or a node that this process just signed, which
 * skips steps 1 and 2.
 */
export type Block = Uint8Array | HashedBlock | SignedNode

/** Dependencies of a gate. */
export interface GateOptions {
  readonly log: FrontierStore
  readonly held: HeldStore
  /** Records of the store, for the list of erasures. */
  readonly records: Records
  readonly registry: Registry
  /** Which texts are kept. */
  readonly policy: TextPolicy
  readonly verifier: VerifierPool
  /** Coordination with other processes that write to the same store. */
  readonly sharing?: StoreSharing | undefined
  /** Called after each commit is durable, in order. Must not throw. */
  readonly onCommitted?: (nodes: readonly NodeEntry[], firstSeq: number) => void
  /** Called after texts of stored nodes were changed, durably. Must not throw. */
  readonly onTexts?: () => void
}

/** A chunk of a call after steps 1 and 2. */
interface Batch {
  readonly candidates: readonly Candidate[]
  readonly refused: readonly Refusal[]
  /**
   * Blocks that occur twice, and documents that are stored already: two links can deliver the same
   * block.
   */
  readonly known: number
  /**
   * Heights of the stored ones among the nodes and their parents, when the log had `since` nodes.
   */
  readonly heights: DigestMap<number>
  readonly since: number
}

/** Blocks that are read before the gate yields to the event loop: about 4 ms. */
const BLOCKS_PER_TURN = 256
const RECHECK_PAGE = 256

/**
 * The only writer of one frontier's log. A process has one gate per frontier.
 *
 * @example
 * const gate = new Gate({ log, held, records, registry, policy, verifier })
 * const { admitted, held, refused } = await gate.admit(blocks, { from: peerKey })
 */
export class Gate {
  /** The erasures of the frontier, to ask; only the gate changes them. */
  readonly erasures: Erasures
  readonly #verifier: VerifierPool
  readonly #context: AdmissionContext
  readonly #mutex = new Mutex()
  readonly #sharing: StoreSharing | undefined
  #recovered = false
  /** Whether the registry and the policy must be read again before the next pass. */
  #isStale = false

  constructor(options: GateOptions) {
    const { log, held, registry, policy, verifier, onCommitted = () => {}, onTexts = () => {} } = options
    this.#verifier = verifier
    this.#sharing = options.sharing
    this.erasures = new Erasures({ ...options, onTexts })
    const cuts = new UnresolvedCuts(registry)
    const documents = new DocumentCheck(log.documents)
    const recent = new RecentCommits(log.nodes)
    const { records } = options
    const shared = { recent, awaited: new WaitFilter(), cuts, documents, erasures: this.erasures }
    this.#context = { log, held, records, registry, policy, ...shared, onCommitted, onTexts }
  }

  /**
   * Decides blocks that a peer hands over. `from` is the peer's key, or the own key for own blocks.
   * A refused node is not an error of the call. When it returns, everything reported as admitted or
   * held is durable.
   * @throws ReplicaError ERR_ABORTED, ERR_STORE_…; earlier commits of the call stay
   */
  admit(blocks: readonly Block[], options: { from: Uint8Array; signal?: AbortSignal }): Promise<AdmitReport> {
    const { from, signal } = options
    const { nodesMax } = COMMIT_LIMITS
    let next = this.#examine(blocks.slice(0, nodesMax))
    return this.#runPass(async pass => {
      for (let at = nodesMax; ; at += nodesMax) {
        const batch = await next
        if (signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'admission was aborted', { cause: signal.reason })
        if (at < blocks.length) next = this.#examine(blocks.slice(at, at + nodesMax))
        await this.#decide(pass, batch, from)
        if (at >= blocks.length) return
      }
    })
  }

  /**
   * Stores the blocks that held nodes wait for, and counts the others. Admits the nodes that waited
   * for them, with their descendants.
   */
  offerDocuments(blocks: readonly (Uint8Array | HashedBlock)[]): Promise<AdmitReport> {
    return this.#runPass(pass => this.#storeAwaited(pass, blocks.map(hashed)))
  }

  /**
   * Stores blocks of documents that this replica is about to link itself. Admits the nodes that
   * waited for them.
   */
  storeDocuments(blocks: readonly HashedBlock[]): Promise<AdmitReport> {
    return this.#runPass(pass => pass.storeDocuments(blocks))
  }

  /** Does the same as `admit` for blocks that can contain documents that held nodes wait for. */
  admitNodesAndDocuments(
    blocks: readonly (Uint8Array | HashedBlock)[],
    options: { from: Uint8Array },
  ): Promise<AdmitReport> {
    if (this.#recovered && !this.#context.documents.awaitsAny) return this.admit(blocks, options)
    return this.#runPass(async pass => {
      const { documents, nodes } = await this.#separate(blocks.map(hashed))
      await this.#storeAwaited(pass, documents)
      await pass.finish()
      await this.#decide(pass, await this.#examine(nodes), options.from)
    })
  }

  /** Returns which of these digests are document blocks that held nodes wait for. */
  async awaits(digests: readonly Digest[]): Promise<boolean[]> {
    const { documents } = this.#context
    return Promise.all(
      digests.map(async digest => {
        const known = documents.awaits(digest)
        return known === 'maybe' ? this.#isWaitedFor(digest) : known
      }),
    )
  }

  /**
   * Admits the nodes held for `wait`, with their descendants. Requests nothing from the network.
   */
  release(wait: Wait, options: { signal?: AbortSignal } = {}): Promise<AdmitReport> {
    return this.#runPass(pass => pass.decideWaiting(wait, options.signal))
  }

  /** Decides all held nodes again: after a registry was adopted, a cut lifted or a peer removed. */
  reevaluateHeld(options: { signal?: AbortSignal } = {}): Promise<AdmitReport> {
    return this.#runPass(pass => this.#decideHeld(pass, options.signal))
  }

  /**
   * Deletes a text here only, from all nodes that carry it, and refuses it from now on. Peers do
   * not learn of it.
   */
  async leaveOut(text: ErasedText): Promise<void> {
    await this.#runPass(() => this.erasures.leaveOut(text))
  }

  /** Finishes erasures that a crash interrupted. Called when the frontier is opened. */
  async finishErasures(): Promise<void> {
    await this.exclusive(async () => {
      await this.erasures.load()
      await this.erasures.settle()
    })
  }

  /**
   * Takes a change into account that another process made. Passes after it see what that process
   * wrote.
   */
  noteForeign(change: 'log' | 'held' | 'records'): void {
    const { recent, log, cuts, awaited, documents } = this.#context
    if (change === 'log') {
      recent.reset(log.nodes)
      cuts.invalidate()
    } else if (change === 'held') {
      awaited.fill()
      documents.awaitUnknown()
    } else {
      this.erasures.invalidate()
      this.#isStale = true
    }
  }

  /**
   * Runs `task` while no node is being admitted, here or by another process that has the store
   * open. The registry removes a peer this way, so that the cut has exactly the heads under which
   * its nodes were admitted. The task must not call the gate and wait for it: that never ends.
   */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const sharing = this.#sharing
    if (sharing === undefined) return this.#mutex.run(task)
    return this.#mutex.run(() => sharing.exclusive(`gate/${this.#context.log.name}`, task))
  }

  #runPass(task: (pass: AdmissionPass) => Promise<void>): Promise<AdmitReport> {
    return this.exclusive(async () => {
      try {
        await this.#refresh()
        await this.erasures.load()
        await this.erasures.settle()
        const pass = new AdmissionPass(this.#context)
        pass.applyCutChanges(await this.#context.cuts.refresh(this.#context.log))
        await this.#recover(pass)
        await task(pass)
        await pass.finish()
        return pass.counter.report()
      } catch (error) {
        this.#context.cuts.invalidate() // the cuts may count nodes as stored whose commit failed
        throw error
      }
    })
  }

  async #refresh(): Promise<void> {
    if (!this.#isStale) return
    this.#isStale = false
    const { registry, policy } = this.#context
    await registry.reload()
    await policy.reload()
  }

  /**
   * Runs once: a crash may have happened between a commit and what it releases. Its counts belong
   * to the current call.
   */
  async #recover(pass: AdmissionPass): Promise<void> {
    const { held, log, awaited, documents } = this.#context
    if (held.usage(log.name).nodes === 0) {
      awaited.clear()
      documents.clear()
      this.#recovered = true
    }
    if (this.#recovered) return
    await this.#decideHeld(pass)
    this.#recovered = true
  }

  async #decideHeld(pass: AdmissionPass, signal?: AbortSignal): Promise<void> {
    const { held, log } = this.#context
    let after: Digest | undefined
    for (;;) {
      const options = after === undefined ? { limit: RECHECK_PAGE } : { after, limit: RECHECK_PAGE }
      const rows = await held.list(log.name, options)
      await pass.decideHeld(rows)
      after = rows.at(-1)?.digest
      if (after === undefined || signal?.aborted) return
      await yieldToEventLoop()
    }
  }

  async #isWaitedFor(id: Digest): Promise<boolean> {
    const { held, log } = this.#context
    return (await held.findByWait(log.name, { kind: 'document', id }, 1)).length > 0
  }

  /**
   * Separates documents from nodes by what is awaited. A link can name a node's digest: that block
   * is both.
   */
  async #separate(blocks: readonly HashedBlock[]): Promise<{ documents: HashedBlock[]; nodes: HashedBlock[] }> {
    const awaited = await this.awaits(blocks.map(({ digest }) => digest))
    // A link may name a header: the document is the header alone.
    const documents = blocks
      .filter((_, i) => awaited[i])
      .map(({ bytes, hashedBytes }) => new HashedBlock(bytes.subarray(0, hashedBytes)))
    const { name } = this.#context.log
    const nodes = blocks.filter((block, i) => !awaited[i] || 'candidate' in examine(block, name))
    return { documents, nodes }
  }

  async #storeAwaited(pass: AdmissionPass, blocks: readonly HashedBlock[]): Promise<void> {
    const awaited = await this.awaits(blocks.map(({ digest }) => digest))
    const wanted = blocks.filter(({ bytes }, i) => awaited[i] && bytes.length <= DOCUMENT_LIMITS.blockBytesMax)
    pass.counter.unsolicited += blocks.length - wanted.length
    await pass.storeDocuments(wanted)
  }

  async #decide(pass: AdmissionPass, batch: Batch, from: Uint8Array): Promise<void> {
    const { candidates, refused, known, since } = batch
    for (const { digest, code } of refused) pass.counter.refuse(digest, code)
    pass.counter.known += known
    const isFresh = this.#context.recent.covers(since)
    const heights = isFresh ? batch.heights : await this.#locate(candidates)
    await pass.decideNew(candidates, from, heights)
    await pass.finish()
  }

  /**
   * Runs steps 1 and 2. A failure rejects the returned promise only; it is never an unhandled
   * rejection.
   */
  #examine(blocks: readonly Block[]): Promise<Batch> {
    const batch = this.#examineAll(blocks)
    batch.catch(() => {})
    return batch
  }

  async #examineAll(blocks: readonly Block[]): Promise<Batch> {
    const { log } = this.#context
    const seen = new DigestSet()
    const read: Candidate[] = []
    const unchecked: Examined[] = []
    const malformed: Refusal[] = []
    for (const [i, block] of blocks.entries()) {
      if (i > 0 && i % BLOCKS_PER_TURN === 0) await yieldToEventLoop()
      const result = block instanceof SignedNode ? block.examined(log.name) : examine(hashed(block), log.name)
      if (!seen.add('candidate' in result ? result.candidate.digest : result.digest)) continue
      if ('candidate' in result) read.push(result.candidate)
      else malformed.push(result)
      if ('job' in result) unchecked.push(result)
    }
    const since = log.nodes
    const heights = await this.#locate(read)
    const invalid = await this.#invalidSignatures(unchecked, heights)
    const candidates = invalid.size === 0 ? read : read.filter(({ digest }) => !invalid.has(digest))
    const documents = malformed.length === 0 ? [] : await log.documents.has(malformed.map(({ digest }) => digest))
    const refused = malformed.filter((_, i) => !documents[i])
    const known = blocks.length - seen.size + malformed.length - refused.length
    for (const digest of invalid) refused.push({ digest, code: 'ERR_NODE_SIGNATURE' })
    return { candidates, refused, known, heights, since }
  }

  /** Returns the heights of the stored ones among these nodes and their parents. */
  async #locate(candidates: readonly Candidate[]): Promise<DigestMap<number>> {
    const seen = new DigestSet()
    const asked = candidates.flatMap(({ digest, parents }) => [digest, ...parents]).filter(one => seen.add(one))
    const locations = asked.length === 0 ? [] : await this.#context.log.locate(asked)
    const heights = new DigestMap<number>()
    for (const [i, digest] of asked.entries()) {
      const location = locations[i]
      if (location !== undefined) heights.set(digest, location.height)
    }
    return heights
  }

  /**
   * Returns the nodes with an invalid signature. Stored and held nodes were verified when they
   * came.
   */
  async #invalidSignatures(read: readonly Examined[], heights: DigestMap<number>): Promise<DigestSet> {
    const { log, held } = this.#context
    const digests = read.map(({ candidate }) => candidate.digest)
    const passed = held.usage(log.name).nodes > 0 ? await held.has(log.name, digests) : []
    const open = read.filter(({ candidate }, i) => passed[i] !== true && !heights.has(candidate.digest))
    const verdicts = open.length === 0 ? [] : await this.#verifier.check(open.map(({ job }) => job))
    return new DigestSet(open.filter((_, i) => verdicts[i] !== 1).map(({ candidate }) => candidate.digest))
  }
}

function hashed(block: Uint8Array | HashedBlock): HashedBlock {
  return block instanceof HashedBlock ? block : blockOf(block)
}
