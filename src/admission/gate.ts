// The admission gate: the only way into a frontier's log, for nodes made here and nodes from peers alike.
//   1. form        strict decoding, the frontier named inside, the event canonical and of its own id
//   2. signature   by the node's own key, checked in threads; a node stored, held or signed here a moment ago has it
//   3. judgement   registry and cuts, parents and height, documents; then one atomic commit per chunk, or held, or refused
// Steps 1 and 2 of a call run while calls before it are in step 3, which takes calls strictly in the order they were made.
// A refused node leaves no trace. Held nodes are let in as soon as what they wait for is there, with their descendants.
// Specification: protocol/admission.md, D28 to D40.

import { setImmediate } from 'node:timers/promises'
import { type Digest, DigestMap, DigestSet, HashedBlock } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { COMMIT_LIMITS, DOCUMENT_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import type { VerifierPool } from '../crypto/verifier-pool.ts'
import type { FrontierStore, HeldStore, NodeEntry, Wait } from '../store/store.ts'
import { type AdmissionContext, AdmissionPass } from './admission-pass.ts'
import type { AdmitReport, HeldNodeRef } from './admission-report.ts'
import { type Candidate, type Examined, examine, type Refusal } from './candidate.ts'
import { DocumentCheck } from './document-availability.ts'
import { SignedNode } from './own-node.ts'
import { RecentCommits } from './recent-commits.ts'
import type { Registry } from './registry.ts'
import { UnresolvedCuts } from './unresolved-cuts.ts'
import { WaitFilter } from './wait-filter.ts'

export type { AdmitReport, HeldNodeRef }

/** Bytes from anybody; bytes that are hashed already; or a node that this process just signed, which needs steps 1 and 2 no more. */
export type Block = Uint8Array | HashedBlock | SignedNode

export interface GateOptions {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly registry: Registry
  readonly verifier: VerifierPool
  /** Told of each commit after it is durable, in order. Must not throw. */
  readonly onCommitted?: (nodes: readonly NodeEntry[], firstSeq: number) => void
}

/** A chunk of a call after steps 1 and 2. */
interface Batch {
  readonly candidates: readonly Candidate[]
  readonly refused: readonly Refusal[]
  /** Blocks that came twice, and documents that are stored already: two links may have brought the same. */
  readonly known: number
  /** Heights of those stored among the nodes and their parents, as of `since`. */
  readonly heights: DigestMap<number>
  readonly since: number
}

/** Blocks read before others have their turn: about 4 ms. */
const BLOCKS_PER_TURN = 256
const RECHECK_PAGE = 256

export class Gate {
  readonly #verifier: VerifierPool
  readonly #context: AdmissionContext
  readonly #mutex = new Mutex()
  #recovered = false

  constructor({ log, held, registry, verifier, onCommitted = () => {} }: GateOptions) {
    this.#verifier = verifier
    const cuts = new UnresolvedCuts(registry)
    const documents = new DocumentCheck(log.documents)
    const recent = new RecentCommits(log.nodes)
    this.#context = { log, held, registry, recent, awaited: new WaitFilter(), cuts, documents, onCommitted }
  }

  /**
   * Judges blocks that a peer (or this replica: `from` is its own key) hands over. Refusing a node is no error of the
   * call. When it returns, what it reports as admitted or held is durable.
   * @throws ReplicaError ERR_ABORTED, ERR_STORE_…; what was committed before stays
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
   * Takes blocks of documents: those that some held node waits for are stored, others only counted. What waited for them is
   * let in with what waits for that in turn.
   */
  offerDocuments(blocks: readonly (Uint8Array | HashedBlock)[]): Promise<AdmitReport> {
    return this.#runPass(pass => this.#storeAwaited(pass, blocks.map(hashed)))
  }

  /** Stores blocks of documents that this replica is about to link itself, and lets in what waited for them. */
  storeDocuments(blocks: readonly HashedBlock[]): Promise<AdmitReport> {
    return this.#runPass(pass => pass.storeDocuments(blocks))
  }

  /** As `admit`, for blocks among which there may be documents that held nodes wait for. */
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

  /** Which of these digests are blocks of documents that held nodes wait for. */
  async awaits(digests: readonly Digest[]): Promise<boolean[]> {
    const { documents } = this.#context
    return Promise.all(
      digests.map(async digest => {
        const known = documents.awaits(digest)
        return known === 'maybe' ? this.#isWaitedFor(digest) : known
      }),
    )
  }

  /** Admits what was held for this, with what waits for that in turn. Nothing is asked of the network. */
  release(wait: Wait, options: { signal?: AbortSignal } = {}): Promise<AdmitReport> {
    return this.#runPass(pass => pass.decideWaiting(wait, options.signal))
  }

  /** Judges everything held again: after a registry was adopted, a cut lifted or a peer removed. */
  reevaluateHeld(options: { signal?: AbortSignal } = {}): Promise<AdmitReport> {
    return this.#runPass(pass => this.#decideHeld(pass, options.signal))
  }

  /**
   * Runs `task` while no node is being admitted. A peer is removed this way, so that the cut has exactly the heads under
   * which its nodes came in. The task must not wait for the gate.
   */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(task)
  }

  #runPass(task: (pass: AdmissionPass) => Promise<void>): Promise<AdmitReport> {
    return this.exclusive(async () => {
      try {
        const pass = new AdmissionPass(this.#context)
        pass.applyCutChanges(await this.#context.cuts.refresh(this.#context.log))
        await this.#recover(pass)
        await task(pass)
        await pass.finish()
        return pass.counter.report()
      } catch (error) {
        this.#context.cuts.invalidate() // it may count nodes as stored whose commit failed
        throw error
      }
    })
  }

  /** Once: a crash may have come between a commit and what it should have set free. It counts for the call it runs in. */
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
      await setImmediate()
    }
  }

  async #isWaitedFor(id: Digest): Promise<boolean> {
    const { held, log } = this.#context
    return (await held.findByWait(log.name, { kind: 'document', id }, 1)).length > 0
  }

  /** Tells documents from nodes by what is waited for. A link may name a node's digest: such a block is both. */
  async #separate(blocks: readonly HashedBlock[]): Promise<{ documents: HashedBlock[]; nodes: HashedBlock[] }> {
    const awaited = await this.awaits(blocks.map(({ digest }) => digest))
    const documents = blocks.filter((_, i) => awaited[i])
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

  /** Steps 1 and 2. A failure is thrown by whoever awaits this, and by nobody else. */
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
      if (i > 0 && i % BLOCKS_PER_TURN === 0) await setImmediate()
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

  /** Heights of those stored, of the nodes and of the parents that are not among them. */
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

  /** Those whose signature does not hold. What is stored or held passed this check when it came. */
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
  return block instanceof HashedBlock ? block : new HashedBlock(block)
}
