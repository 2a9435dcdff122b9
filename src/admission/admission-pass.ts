// One serialized pass of the gate: decides, commits, holds, and releases waiting nodes.
// The signatures of its nodes are verified before the pass.
//
// The pass works in waves, without recursion: what a commit satisfies is looked up and decided
// again, until nothing is left. Decisions that are not written yet lie in two overlays, `#staged`
// and `#holds`. They take precedence over the stores.
//
// Invariants: each commit contains the parents of its nodes or follows them. A node leaves the held
// store only after the commit that contains it, so a crash loses nothing.
// Spec: protocol/admission.md, D31 to D39.

import { type Digest, DigestMap, DigestSet, digestKey, type HashedBlock } from '../base/bytes.ts'
import type { ErrorCode } from '../base/errors.ts'
import { COMMIT_LIMITS, DOCUMENT_LIMITS } from '../base/limits.ts'
import { missingParents } from '../graph/causal-closure.ts'
import type {
  FrontierStore,
  HeldNode,
  HeldStore,
  NodeEntry,
  Records,
  TextChange,
  TextState,
  Wait,
} from '../store/store.ts'
import { AdmissionCounter } from './admission-report.ts'
import { type Candidate, readHeld } from './candidate.ts'
import type { DocumentCheck, MissingBlocks } from './document-availability.ts'
import { isErasure } from './erasure-event.ts'
import type { Erasures } from './erasures.ts'
import { isSameWait, PendingHolds, type UndecidedNode } from './pending-holds.ts'
import type { RecentCommits } from './recent-commits.ts'
import type { Registry } from './registry.ts'
import type { TextPolicy } from './text-policy.ts'
import type { CutChanges, UnresolvedCuts } from './unresolved-cuts.ts'
import type { WaitFilter } from './wait-filter.ts'

/** State that the passes of one gate share. */
export interface AdmissionContext {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly registry: Registry
  readonly policy: TextPolicy
  readonly recent: RecentCommits
  readonly awaited: WaitFilter
  readonly cuts: UnresolvedCuts
  readonly documents: DocumentCheck
  readonly records: Records
  readonly erasures: Erasures
  readonly onCommitted: (nodes: readonly NodeEntry[], firstSeq: number) => void
  readonly onTexts: () => void
}

const PAGE = 1024
const BLOCKS_PER_PUT = Math.floor(COMMIT_LIMITS.bytesMax / DOCUMENT_LIMITS.blockBytesMax)
/**
 * Waits that are looked up side by side, and nodes that are read for each. Together they are fewer
 * than `RecentCommits` keeps.
 */
const WAVE_WAITS = 32
const WAVE_NODES = 256

/** One pass. The gate makes a new one for each call and runs one at a time. */
export class AdmissionPass {
  /** Counts what the pass does, for its report. */
  readonly counter = new AdmissionCounter()
  readonly #context: AdmissionContext
  readonly #frontier: string
  #staged: Candidate[] = []
  #stagedBytes = 0
  /** Nodes that came with their texts and are stored already. */
  readonly #offeredTexts: Candidate[] = []
  #heights = new DigestMap<number>()
  readonly #holds = new PendingHolds()
  /** Nodes of the held store that are decided. They are deleted after the next commit. */
  #toDelete = new DigestSet()
  /** Satisfied waits whose nodes are not decided again yet. */
  #satisfiedWaits: Wait[] = []
  /**
   * Satisfied waits for which a full page was found. They are looked up again after that page is
   * written.
   */
  #truncatedWaits: Wait[] = []
  /** Digests below a cut. Held nodes among them lead to further ones. */
  #descendQueue: Digest[] = []
  #unchanged = 0
  /** Missing document blocks of the nodes that are being decided. */
  #missingBlocks = new DigestMap<MissingBlocks>()

  constructor(context: AdmissionContext) {
    this.#context = context
    this.#frontier = context.log.name
  }

  /** Schedules the held nodes that a change of the registry's cuts concerns. */
  applyCutChanges({ belowCuts, satisfied }: CutChanges): void {
    this.#descendQueue = this.#descendQueue.concat(belowCuts)
    this.#satisfiedWaits = this.#satisfiedWaits.concat(satisfied)
  }

  /** Makes blocks of documents durable. `finish` decides again what waited for them. */
  async storeDocuments(blocks: readonly HashedBlock[]): Promise<void> {
    const { documents } = this.#context
    for (let from = 0; from < blocks.length; from += BLOCKS_PER_PUT) {
      const some = blocks.slice(from, from + BLOCKS_PER_PUT)
      await documents.store.put(some)
      for (const { digest: id } of some) {
        documents.noteStored(id)
        this.counter.addDocument(id)
        this.#satisfiedWaits.push({ kind: 'document', id })
      }
    }
  }

  /** Decides nodes from a peer. `heights` contains the stored ones among them and their parents. */
  async decideNew(candidates: readonly Candidate[], from: Uint8Array, heights: DigestMap<number>): Promise<void> {
    const digests = candidates.map(candidate => candidate.digest)
    const held = this.#holdsAny() ? await this.#context.held.has(this.#frontier, digests) : []
    this.#missingBlocks = await this.#context.documents.missingBlocks(candidates)
    for (const [i, candidate] of candidates.entries()) {
      if (this.#heightOf(candidate.digest, heights) !== undefined) {
        this.counter.known++
        if (candidate.text !== 'wanted') this.#offeredTexts.push(candidate)
        continue
      }
      this.#decide({ candidate, from, wasHeld: held[i] === true }, heights)
      if (this.#isFull()) await this.#commit()
    }
    await this.#supplyTexts()
  }

  /** Stores texts of nodes that are stored without, where this replica wants them. */
  async #supplyTexts(): Promise<void> {
    const { log, records, erasures, onTexts } = this.#context
    const offered = this.#offeredTexts.splice(0)
    if (offered.length === 0 || log.texts().here === log.nodes) return
    const places = await log.locate(offered.map(({ digest }) => digest))
    const rows = await log.read(places.flatMap(place => place?.seq ?? []))
    const states = new Map(rows.map(({ seq, text }) => [seq, text]))
    const accepted: Candidate[] = []
    const changes = offered.flatMap((candidate, i): TextChange[] => {
      const seq = places[i]?.seq
      if (seq === undefined || !this.#accepts(candidate, states.get(seq))) return []
      states.delete(seq)
      if (candidate.text !== 'here') return [{ seq, state: 'void' }]
      const text = candidate.bytes.subarray(candidate.headerBytes)
      if (!this.#context.policy.keepsWanted(candidate.digest, text)) return [{ seq, state: 'left-out' }]
      accepted.push(candidate)
      return [{ seq, text }]
    })
    if (changes.length === 0) return
    const noted = erasures.note(accepted)
    await this.#written(noted.found, async () => {
      if (noted.records.length > 0) await records.write(noted.records)
      await log.setTexts(changes)
    })
    this.counter.texts += accepted.length
    onTexts()
    await erasures.settle()
  }

  /** Whether a text may be stored for a node in this state. The text of an erasure always may. */
  #accepts(candidate: Candidate, state: TextState | undefined): boolean {
    const { text, bytes, headerBytes } = candidate
    if (state === undefined || state === 'here' || state === 'void') return false
    if (text === 'here' && isErasure(bytes.subarray(headerBytes))) return true
    return state === 'wanted' && this.#context.erasures.stateFor(candidate) === undefined
  }

  /**
   * Decides again all nodes that wait for `wait`. Stops early if a whole page of them keeps
   * waiting.
   */
  async decideWaiting(wait: Wait, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const page = await this.#context.held.findByWait(this.#frontier, wait, PAGE)
      this.#unchanged = 0
      await this.#decideAll(await this.#readHeld(page))
      const isStuck = this.#unchanged >= page.length
      await this.finish()
      if (page.length < PAGE || isStuck || signal?.aborted) return
    }
  }

  /**
   * Decides again nodes of the held store, and deletes those that are stored, which a crash can
   * leave behind.
   */
  async decideHeld(rows: readonly HeldNode[]): Promise<void> {
    const heights = await this.#context.log.locate(rows.map(row => row.digest))
    const items: UndecidedNode[] = []
    for (const [i, row] of rows.entries()) {
      const item = undecidedOf(row)
      if (heights[i] === undefined) items.push(item)
      else this.#unhold(item)
    }
    await this.#decideAll(items)
    await this.finish()
  }

  /** Decides again everything that became possible, then writes what is not written yet. */
  async finish(): Promise<void> {
    for (;;) {
      const items = this.#descendQueue.length > 0 ? await this.#descend() : await this.#nextWave()
      await this.#decideAll(items)
      if (items.length > 0 || this.#descendQueue.length > 0 || this.#satisfiedWaits.length > 0) continue
      await this.#commit()
      await this.#writeHolds()
      if (this.#truncatedWaits.length === 0) return
      this.#satisfiedWaits = this.#truncatedWaits
      this.#truncatedWaits = []
    }
  }

  /**
   * Decides one node. The registry comes first, so that the result does not depend on the order of
   * arrival. The height comes after the parents, because it needs all of them. Documents come last,
   * so that only the documents of an otherwise admissible node are fetched.
   */
  #decide(item: UndecidedNode, heights: DigestMap<number>): void {
    const { digest, key, height } = item.candidate
    const verdict = this.#context.registry.verdict(key)
    if (verdict === 'unknown') return this.#hold(item, { kind: 'key', id: key })
    if (verdict !== 'registered') {
      const side = this.#context.cuts.sideOf(verdict.cut, digest)
      if (side === 'above') return this.#refuse(item, 'ERR_NODE_REVOKED')
      if (side !== 'below') return this.#hold(item, { kind: 'cut', id: side.head })
    }
    let highest = -1
    const [parent] = missingParents([item.candidate], id => {
      const parentHeight = this.#heightOf(id, heights)
      highest = Math.max(highest, parentHeight ?? -1)
      return parentHeight !== undefined
    })
    if (parent !== undefined) return this.#hold(item, { kind: 'parent', id: parent })
    if (height !== highest + 1) return this.#refuse(item, 'ERR_NODE_HEIGHT')
    const missing = this.#missingBlocks.get(digest)
    if (missing === 'malformed') return this.#refuse(item, 'ERR_DOCUMENT')
    if (missing !== undefined) return this.#holdForDocuments(item, missing)
    this.#stage(item)
  }

  #holdForDocuments(item: UndecidedNode, missing: readonly Digest[]): void {
    this.counter.addMissingDocuments(this.#context.documents.markAwaited(missing))
    this.#hold(item, { kind: 'document', id: missing[0]! })
  }

  #stage(item: UndecidedNode): void {
    const candidate = this.#context.policy.apply(item.candidate)
    const { digest, bytes, height } = candidate
    this.#unhold(item)
    this.#staged.push(candidate)
    this.#stagedBytes += bytes.length
    this.#heights.set(digest, height)
    if (this.#context.cuts.noteStored(digest)) this.#satisfiedWaits.push({ kind: 'cut', id: digest })
    if (this.#context.awaited.mightContain(digest)) this.#satisfiedWaits.push({ kind: 'parent', id: digest })
  }

  #refuse(item: UndecidedNode, code: ErrorCode): void {
    this.#unhold(item)
    this.counter.refuse(item.candidate.digest, code)
  }

  #unhold({ candidate: { digest }, wasHeld }: UndecidedNode): void {
    this.#holds.delete(digest)
    if (wasHeld) this.#toDelete.add(digest)
    this.counter.unhold(digest, wasHeld)
  }

  #hold(item: UndecidedNode, wait: Wait): void {
    const { digest, key, parents } = item.candidate
    this.#descendQueue.push(...this.#context.cuts.parentsBelow(digest, parents))
    if (wait.kind === 'parent') this.#context.awaited.add(wait.id)
    if (item.storedWait !== undefined && isSameWait(item.storedWait, wait)) {
      this.#holds.delete(digest)
      this.#unchanged++
      return
    }
    this.#holds.set({ item, wait })
    this.counter.hold({ digest, key, wait })
  }

  async #decideAll(items: readonly UndecidedNode[]): Promise<void> {
    if (items.length === 0) return
    // A node can be found in two ways.
    const unique = [...new Map(items.map(item => [digestKey(item.candidate.digest), item])).values()]
    // Parents have a smaller height than their children, so one iteration decides most of a page.
    const sorted = unique.sort((a, b) => a.candidate.height - b.candidate.height)
    const heights = await this.#lookUpParents(sorted)
    this.#missingBlocks = await this.#context.documents.missingBlocks(sorted.map(item => item.candidate))
    for (const item of sorted) {
      // Staged in the meantime.
      if (this.#heightOf(item.candidate.digest, heights) !== undefined) continue
      this.#decide(item, heights)
      if (this.#isFull()) await this.#commit()
    }
    if (this.#holds.size >= PAGE) {
      await this.#commit()
      await this.#writeHolds()
    }
  }

  /** Returns the nodes that waited for some of the satisfied waits. */
  async #nextWave(): Promise<UndecidedNode[]> {
    const waits = this.#satisfiedWaits.splice(-WAVE_WAITS)
    const lists = await Promise.all(waits.map(wait => this.#waitingFor(wait)))
    return lists.flat()
  }

  async #waitingFor(wait: Wait): Promise<UndecidedNode[]> {
    const moved = this.#holds.take(wait)
    if (!this.#holdsAny()) return moved
    const page = await this.#context.held.findByWait(this.#frontier, wait, WAVE_NODES)
    if (page.length === WAVE_NODES) this.#truncatedWaits.push(wait)
    return [...moved, ...(await this.#readHeld(page))]
  }

  /**
   * Descends through held nodes from digests below a cut. Returns the nodes that wait for the head
   * of a cut.
   */
  async #descend(): Promise<UndecidedNode[]> {
    const digests = this.#descendQueue.splice(-PAGE)
    const moved = digests.map(digest => this.#holds.get(digest)).filter(hold => hold !== undefined)
    const stored = this.#holdsAny() ? await this.#readHeld(digests) : []
    for (const { candidate } of [...moved.map(hold => hold.item), ...stored]) {
      this.#descendQueue.push(...this.#context.cuts.parentsBelow(candidate.digest, candidate.parents))
    }
    return [
      ...moved.filter(hold => hold.wait.kind === 'cut').map(hold => hold.item),
      ...stored.filter(item => item.storedWait?.kind === 'cut'),
    ]
  }

  /** Reads the held store, without the nodes that this pass has decided. */
  async #readHeld(digests: readonly Digest[]): Promise<UndecidedNode[]> {
    const open = digests.filter(digest => !this.#toDelete.has(digest) && this.#holds.get(digest) === undefined)
    const rows = open.length === 0 ? [] : await this.#context.held.get(this.#frontier, open)
    return rows.filter(row => row !== undefined).map(undecidedOf)
  }

  /**
   * Returns the heights of the stored parents, apart from those that this pass or recent ones
   * committed.
   */
  async #lookUpParents(items: readonly UndecidedNode[]): Promise<DigestMap<number>> {
    const heights = new DigestMap<number>()
    const candidates = items.map(item => item.candidate)
    const isKnown = (digest: Digest) => this.#heightOf(digest, heights) !== undefined
    const asked = [...new DigestSet(missingParents(candidates, isKnown))]
    const locations = asked.length === 0 ? [] : await this.#context.log.locate(asked)
    for (const [i, digest] of asked.entries()) {
      const location = locations[i]
      if (location !== undefined) heights.set(digest, location.height)
    }
    return heights
  }

  #heightOf(digest: Digest, heights: DigestMap<number>): number | undefined {
    const key = digestKey(digest)
    return this.#heights.getByKey(key) ?? this.#context.recent.height(key) ?? heights.getByKey(key)
  }

  #holdsAny(): boolean {
    return this.#context.held.usage(this.#frontier).nodes > 0
  }

  #isFull(): boolean {
    return this.#staged.length >= COMMIT_LIMITS.nodesMax || this.#stagedBytes > COMMIT_LIMITS.bytesMax / 2
  }

  /** Makes the staged nodes durable, applies erasures among them, then deletes held ones. */
  async #commit(): Promise<void> {
    const { held, erasures } = this.#context
    if (this.#staged.length > 0) {
      await this.#commitStaged()
      await erasures.settle()
    }
    const unheld = this.#toDelete
    this.#toDelete = new DigestSet()
    if (unheld.size > 0) await held.delete(this.#frontier, [...unheld])
  }

  async #commitStaged(): Promise<void> {
    const { log, recent, erasures, onCommitted } = this.#context
    const { found, records } = erasures.note(this.#staged)
    const nodes = this.#staged.map(node => erasures.strip(node))
    const firstSeq = await this.#written(found, () => log.commit(nodes, records))
    recent.add(nodes, firstSeq)
    this.#staged = []
    this.#stagedBytes = 0
    this.#heights = new DigestMap()
    this.counter.admit(nodes.length, firstSeq)
    onCommitted(nodes, firstSeq)
  }

  /** Runs a write with these erasures, and forgets them if it fails. */
  async #written<T>(found: readonly Digest[], write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      this.#context.erasures.forget(found)
      throw error
    }
  }

  /** Writes the holds. A node beyond the quota is refused for now; its peer may offer it again. */
  async #writeHolds(): Promise<void> {
    const holds = this.#holds.takeAll()
    if (holds.length === 0) return
    const nodes = holds.map(({ item, wait }) => {
      const { digest, bytes, headerBytes, event, key } = this.#context.erasures.strip(
        this.#context.policy.apply(item.candidate),
      )
      return { digest, bytes, headerBytes, event, key, wait, from: item.from }
    })
    const kept = await this.#context.held.put(this.#frontier, nodes)
    for (const [i, node] of nodes.entries()) {
      if (kept[i] === true) continue
      this.counter.unhold(node.digest, false)
      this.counter.refuse(node.digest, 'ERR_HELD_FULL')
    }
  }
}

function undecidedOf(row: HeldNode): UndecidedNode {
  return { candidate: readHeld(row.bytes), from: row.from, wasHeld: true, storedWait: row.wait }
}
