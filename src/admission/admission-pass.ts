// One turn of the gate: judges nodes whose signatures are known to be valid, commits those that belong, holds those that
// wait, and follows up what the commits set free, wave by wave, never by recursion. What a turn has decided and not yet
// written lies in two overlays, `staged` and `holds`, which win over the stores wherever both know a node. Commits are
// down-closed; a node leaves the held store only after the commit that contains it, so a crash loses nothing.
// Specification: protocol/admission.md, D31 to D39.

import { type Digest, DigestMap, DigestSet, digestKey, type HashedBlock } from '../base/bytes.ts'
import type { ErrorCode } from '../base/errors.ts'
import { COMMIT_LIMITS, DOCUMENT_LIMITS } from '../base/limits.ts'
import { missingParents } from '../graph/causal-closure.ts'
import type { FrontierStore, HeldNode, HeldStore, NodeEntry, Wait } from '../store/store.ts'
import { AdmissionCounter } from './admission-report.ts'
import { type Candidate, reread } from './candidate.ts'
import type { DocumentCheck, Lack } from './document-availability.ts'
import { type Item, isSameWait, PendingHolds } from './pending-holds.ts'
import type { RecentCommits } from './recent-commits.ts'
import type { Registry } from './registry.ts'
import type { Refreshed, UnresolvedCuts } from './unresolved-cuts.ts'
import type { WaitFilter } from './wait-filter.ts'

/** What the turns of one gate share. */
export interface AdmissionContext {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly registry: Registry
  readonly recent: RecentCommits
  readonly awaited: WaitFilter
  readonly cuts: UnresolvedCuts
  readonly documents: DocumentCheck
  readonly onCommitted: (nodes: readonly NodeEntry[], firstSeq: number) => void
}

const PAGE = 1024
const BLOCKS_PER_PUT = Math.floor(COMMIT_LIMITS.bytesMax / DOCUMENT_LIMITS.blockBytesMax)
/** Look-ups of waiting nodes side by side, and nodes taken from each: together fewer than `Recent` keeps in mind. */
const WAVE = 32
const WAVE_PAGE = 256

export class AdmissionPass {
  readonly tally = new AdmissionCounter()
  readonly #ground: AdmissionContext
  readonly #frontier: string
  #staged: Candidate[] = []
  #stagedBytes = 0
  #heights = new DigestMap<number>()
  readonly #holds = new PendingHolds()
  /** In the held store, decided about, to be taken out after the next commit. */
  #toDelete = new DigestSet()
  /** Over since just now: whatever waited for these is to be judged again. */
  #satisfiedWaits: Wait[] = []
  /** Over, but a full page was found waiting: to be looked up again once that is written. */
  #truncatedWaits: Wait[] = []
  /** Below a cut since just now: they may be held, and lead to more. */
  #descendQueue: Digest[] = []
  #unchanged = 0
  /** What the documents of the nodes now being judged lack. */
  #lacks = new DigestMap<Lack>()

  constructor(ground: AdmissionContext) {
    this.#ground = ground
    this.#frontier = ground.log.name
  }

  /** Takes up what a change of the registry's cuts means for held nodes. */
  follow({ climbs, over }: Refreshed): void {
    this.#descendQueue = this.#descendQueue.concat(climbs)
    this.#satisfiedWaits = this.#satisfiedWaits.concat(over)
  }

  /** Makes blocks of documents durable; what waited for them is judged again by `finish`. */
  async keep(blocks: readonly HashedBlock[]): Promise<void> {
    const { documents } = this.#ground
    for (let from = 0; from < blocks.length; from += BLOCKS_PER_PUT) {
      const some = blocks.slice(from, from + BLOCKS_PER_PUT)
      await documents.store.put(some)
      for (const { digest: id } of some) {
        documents.arrived(id)
        this.tally.supply(id)
        this.#satisfiedWaits.push({ kind: 'document', id })
      }
    }
  }

  /** Judges nodes from a peer; `places` has the heights of those stored among them and their parents. */
  async settleNew(candidates: readonly Candidate[], from: Uint8Array, places: DigestMap<number>): Promise<void> {
    const digests = candidates.map(candidate => candidate.digest)
    const held = this.#anyHeld() ? await this.#ground.held.has(this.#frontier, digests) : []
    this.#lacks = await this.#ground.documents.lacks(candidates)
    for (const [i, candidate] of candidates.entries()) {
      if (this.#heightOf(candidate.digest, places) !== undefined) {
        this.tally.known++
        continue
      }
      this.#judge({ candidate, from, wasHeld: held[i] === true }, places)
      if (this.#isFull()) await this.#commit()
    }
  }

  /** Judges again everything that waits for this; ends early when a whole page of it waits on as before. */
  async settleWaiting(wait: Wait, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const page = await this.#ground.held.findByWait(this.#frontier, wait, PAGE)
      this.#unchanged = 0
      await this.#settleItems(await this.#itemsHeld(page))
      const isStuck = this.#unchanged >= page.length
      await this.finish()
      if (page.length < PAGE || isStuck || signal?.aborted) return
    }
  }

  /** Judges again nodes read from the held store, and drops those that are stored, which a crash may leave behind. */
  async settleHeld(rows: readonly HeldNode[]): Promise<void> {
    const places = await this.#ground.log.locate(rows.map(row => row.digest))
    const items: Item[] = []
    for (const [i, row] of rows.entries()) {
      const item = itemOf(row)
      if (places[i] === undefined) items.push(item)
      else this.#leave(item)
    }
    await this.#settleItems(items)
    await this.finish()
  }

  /** Follows up all that was set free, and writes what is left to write. */
  async finish(): Promise<void> {
    for (;;) {
      const items = this.#descendQueue.length > 0 ? await this.#climb() : await this.#nextWave()
      await this.#settleItems(items)
      if (items.length > 0 || this.#descendQueue.length > 0 || this.#satisfiedWaits.length > 0) continue
      await this.#commit()
      await this.#writeHolds()
      if (this.#truncatedWaits.length === 0) return
      this.#satisfiedWaits = this.#truncatedWaits
      this.#truncatedWaits = []
    }
  }

  /**
   * The registry first: then the answer to the same question at the end doesn't depend on what came when. The height after
   * the parents, because it needs them all; the documents last, so that only what would be admitted has them fetched.
   */
  #judge(item: Item, places: DigestMap<number>): void {
    const { digest, key, parents, height } = item.candidate
    const verdict = this.#ground.registry.verdict(key)
    if (verdict === 'unknown') return this.#hold(item, { kind: 'key', id: key })
    if (verdict !== 'registered') {
      const side = this.#ground.cuts.judge(verdict.cut, digest)
      if (side === 'above') return this.#refuse(item, 'ERR_NODE_REVOKED')
      if (side !== 'below') return this.#hold(item, { kind: 'cut', id: side.head })
    }
    const heightOf = (parent: Digest) => this.#heightOf(parent, places)
    const [parent] = missingParents([item.candidate], id => heightOf(id) !== undefined)
    if (parent !== undefined) return this.#hold(item, { kind: 'parent', id: parent })
    const highest = parents.reduce((max, id) => Math.max(max, heightOf(id)!), -1)
    if (height !== highest + 1) return this.#refuse(item, 'ERR_NODE_HEIGHT')
    const lack = this.#lacks.get(digest)
    if (lack === 'malformed') return this.#refuse(item, 'ERR_DOCUMENT')
    if (lack !== undefined) return this.#holdForDocuments(item, lack)
    this.#stage(item)
  }

  #holdForDocuments(item: Item, lack: readonly Digest[]): void {
    this.tally.lack(this.#ground.documents.markAwaited(lack))
    this.#hold(item, { kind: 'document', id: lack[0]! })
  }

  #stage(item: Item): void {
    const { digest, bytes, height } = item.candidate
    this.#leave(item)
    this.#staged.push(item.candidate)
    this.#stagedBytes += bytes.length
    this.#heights.set(digest, height)
    if (this.#ground.cuts.stored(digest)) this.#satisfiedWaits.push({ kind: 'cut', id: digest })
    if (this.#ground.awaited.mightContain(digest)) this.#satisfiedWaits.push({ kind: 'parent', id: digest })
  }

  #refuse(item: Item, code: ErrorCode): void {
    this.#leave(item)
    this.tally.refuse(item.candidate.digest, code)
  }

  #leave({ candidate: { digest }, wasHeld }: Item): void {
    this.#holds.delete(digest)
    if (wasHeld) this.#toDelete.add(digest)
    this.tally.unhold(digest, wasHeld)
  }

  #hold(item: Item, wait: Wait): void {
    const { digest, key, parents } = item.candidate
    this.#descendQueue.push(...this.#ground.cuts.seen(digest, parents))
    if (wait.kind === 'parent') this.#ground.awaited.note(wait.id)
    if (item.storedWait !== undefined && isSameWait(item.storedWait, wait)) {
      this.#holds.delete(digest)
      this.#unchanged++
      return
    }
    this.#holds.set({ item, wait })
    this.tally.hold({ digest, key, wait })
  }

  async #settleItems(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return
    // One node may have been found by two ways.
    const unique = [...new Map(items.map(item => [digestKey(item.candidate.digest), item])).values()]
    // Parents are lower than their children, so in this order most of a page is decided in one go.
    const sorted = unique.sort((a, b) => a.candidate.height - b.candidate.height)
    const places = await this.#lookUpParents(sorted)
    this.#lacks = await this.#ground.documents.lacks(sorted.map(item => item.candidate))
    for (const item of sorted) {
      if (this.#heightOf(item.candidate.digest, places) !== undefined) continue // staged by another way meanwhile
      this.#judge(item, places)
      if (this.#isFull()) await this.#commit()
    }
    if (this.#holds.size >= PAGE) {
      await this.#commit()
      await this.#writeHolds()
    }
  }

  /** What waited for some of the things that are over. */
  async #nextWave(): Promise<Item[]> {
    const waits = this.#satisfiedWaits.splice(-WAVE)
    const lists = await Promise.all(waits.map(wait => this.#waitingFor(wait)))
    return lists.flat()
  }

  async #waitingFor(wait: Wait): Promise<Item[]> {
    const moved = this.#holds.take(wait)
    if (!this.#anyHeld()) return moved
    const page = await this.#ground.held.findByWait(this.#frontier, wait, WAVE_PAGE)
    if (page.length === WAVE_PAGE) this.#truncatedWaits.push(wait)
    return [...moved, ...(await this.#itemsHeld(page))]
  }

  /** Goes down from digests below a cut through what is held; returns what waited for a cut's heads. */
  async #climb(): Promise<Item[]> {
    const digests = this.#descendQueue.splice(-PAGE)
    const moved = digests.map(digest => this.#holds.get(digest)).filter(hold => hold !== undefined)
    const stored = this.#anyHeld() ? await this.#itemsHeld(digests) : []
    for (const { candidate } of [...moved.map(hold => hold.item), ...stored]) {
      this.#descendQueue.push(...this.#ground.cuts.seen(candidate.digest, candidate.parents))
    }
    return [
      ...moved.filter(hold => hold.wait.kind === 'cut').map(hold => hold.item),
      ...stored.filter(item => item.storedWait?.kind === 'cut'),
    ]
  }

  /** From the held store, without those that this turn has decided about. */
  async #itemsHeld(digests: readonly Digest[]): Promise<Item[]> {
    const open = digests.filter(digest => !this.#toDelete.has(digest) && this.#holds.get(digest) === undefined)
    const rows = open.length === 0 ? [] : await this.#ground.held.get(this.#frontier, open)
    return rows.filter(row => row !== undefined).map(itemOf)
  }

  /** Heights of the stored parents of these nodes, apart from those that this pass or recent ones committed. */
  async #lookUpParents(items: readonly Item[]): Promise<DigestMap<number>> {
    const heights = new DigestMap<number>()
    const candidates = items.map(item => item.candidate)
    const isKnown = (digest: Digest) => this.#heightOf(digest, heights) !== undefined
    const asked = [...new DigestSet(missingParents(candidates, isKnown))]
    const places = asked.length === 0 ? [] : await this.#ground.log.locate(asked)
    for (const [i, digest] of asked.entries()) {
      const place = places[i]
      if (place !== undefined) heights.set(digest, place.height)
    }
    return heights
  }

  #heightOf(digest: Digest, places: DigestMap<number>): number | undefined {
    return this.#heights.get(digest) ?? this.#ground.recent.height(digest) ?? places.get(digest)
  }

  #anyHeld(): boolean {
    return this.#ground.held.usage(this.#frontier).nodes > 0
  }

  #isFull(): boolean {
    return this.#staged.length >= COMMIT_LIMITS.nodesMax || this.#stagedBytes > COMMIT_LIMITS.bytesMax / 2
  }

  /** Makes what is staged durable, then lets go of what was held of it. */
  async #commit(): Promise<void> {
    const { log, held, recent, onCommitted } = this.#ground
    const nodes = this.#staged
    if (nodes.length > 0) {
      const firstSeq = await log.commit(nodes)
      recent.note(nodes, firstSeq)
      this.#staged = []
      this.#stagedBytes = 0
      this.#heights = new DigestMap()
      this.tally.admit(nodes.length, firstSeq)
      onCommitted(nodes, firstSeq)
    }
    const gone = this.#toDelete
    this.#toDelete = new DigestSet()
    if (gone.size > 0) await held.delete(this.#frontier, [...gone])
  }

  /** Keeps aside what waits. What the quota has no room for is refused for now: it may be offered again. */
  async #writeHolds(): Promise<void> {
    const holds = this.#holds.takeAll()
    if (holds.length === 0) return
    const nodes = holds.map(({ item, wait }) => {
      const { digest, bytes, key } = item.candidate
      return { digest, bytes, key, wait, from: item.from }
    })
    const kept = await this.#ground.held.put(this.#frontier, nodes)
    for (const [i, node] of nodes.entries()) {
      if (kept[i] === true) continue
      this.tally.unhold(node.digest, false)
      this.tally.refuse(node.digest, 'ERR_HELD_FULL')
    }
  }
}

function itemOf(row: HeldNode): Item {
  return { candidate: reread(row.bytes), from: row.from, wasHeld: true, storedWait: row.wait }
}
