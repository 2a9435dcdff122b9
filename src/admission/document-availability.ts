// Which linked documents are missing, and which of them held nodes wait for.
// The documents of a node are complete if every raw link is stored and every other link is a stored
// chunk list whose chunks are all stored in the sizes that it states. The gate takes from peers
// only document blocks that a held node waits for.
// Spec: protocol/document.md.

import { type Digest, DigestMap, DigestSet, equals } from '../base/bytes.ts'
import { hasCode } from '../base/errors.ts'
import { DOCUMENT_LIMITS } from '../base/limits.ts'
import { type ChunkList, chunkBytes, EMPTY_DIGEST, readChunkList } from '../node/document-chunks.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { DocumentStore } from '../store/store.ts'

const { awaitedMax, awaitedListedMax } = DOCUMENT_LIMITS

/** Digests of missing blocks; `malformed` if a stored block is not a valid document. */
export type MissingBlocks = readonly Digest[] | 'malformed'

/** Returns the missing blocks of one document, at most 4,096. */
export async function missingBlocksOf(store: DocumentStore, link: DocumentLink): Promise<MissingBlocks> {
  const { digest } = link
  return (await new DocumentCheck(store).missingBlocks([{ digest, links: [link] }])).get(digest) ?? []
}

/** A node and its links. */
export interface LinkingNode {
  readonly digest: Digest
  readonly links: readonly DocumentLink[]
}

/** Checks documents, and remembers which blocks held nodes wait for. */
export class DocumentCheck {
  /** The documents of the frontier. */
  readonly store: DocumentStore
  /** Chunk lists found complete. They stay complete: documents are never deleted. */
  readonly #completeLists = new DigestSet()
  readonly #awaited = new DigestSet()
  #overflowed = false

  constructor(store: DocumentStore) {
    this.store = store
  }

  /** Whether some held node waits for a document block. */
  get awaitsAny(): boolean {
    return this.#awaited.size > 0 || this.#overflowed
  }

  /**
   * Returns whether a held node waits for this block; `maybe` if more blocks are awaited than this
   * class remembers.
   */
  awaits(digest: Digest): boolean | 'maybe' {
    return this.#awaited.has(digest) || (this.#overflowed && 'maybe')
  }

  /**
   * Records that held nodes wait for these blocks. Returns those that it remembers, at most
   * `awaitedMax` over all calls.
   */
  markAwaited(digests: readonly Digest[]): Digest[] {
    return digests.filter(digest => {
      if (this.#awaited.size >= awaitedMax && !this.#awaited.has(digest)) {
        this.#overflowed = true
        return false
      }
      this.#awaited.add(digest)
      return true
    })
  }

  /** Records that a block is stored. */
  noteStored(digest: Digest): void {
    this.#awaited.delete(digest)
  }

  /** Takes every block for awaited: another process holds nodes that this one has not seen. */
  awaitUnknown(): void {
    this.#overflowed = true
  }

  /** Forgets all awaited blocks: nothing is held any more. */
  clear(): void {
    this.#awaited.clear()
    this.#overflowed = false
  }

  /**
   * Returns the missing blocks of each node, at most 4,096 per node. Nodes with complete documents
   * are left out.
   */
  async missingBlocks(nodes: readonly LinkingNode[]): Promise<DigestMap<MissingBlocks>> {
    const found = new DigestMap<MissingBlocks>()
    const linkingNodes = nodes.filter(({ links }) => links.length > 0)
    const linked = [...new DigestSet(linkingNodes.flatMap(({ links }) => links.map(({ digest }) => digest)))]
    const sizes = await this.#sizes(linked)
    const lists = new DigestMap<MissingBlocks>()
    for (const { digest, links } of linkingNodes) {
      const missing = await this.#missingIn(links, sizes, lists)
      if (missing.length > 0) found.set(digest, missing)
    }
    return found
  }

  async #missingIn(
    links: readonly DocumentLink[],
    sizes: DigestMap<number>,
    lists: DigestMap<MissingBlocks>,
  ): Promise<MissingBlocks> {
    const missing = new DigestSet()
    for (const { codec, digest } of links) {
      if (!sizes.has(digest)) missing.add(digest)
      else if (codec === 'dag-cbor') {
        const chunks = lists.get(digest) ?? (await this.#missingInList(digest))
        lists.set(digest, chunks)
        if (chunks === 'malformed') return chunks
        for (const chunk of chunks) missing.add(chunk)
      }
      if (missing.size >= awaitedListedMax) break
    }
    return [...missing].slice(0, awaitedListedMax)
  }

  async #missingInList(digest: Digest): Promise<MissingBlocks> {
    if (this.#completeLists.has(digest)) return []
    const list = await this.#list(digest)
    if (list === undefined) return 'malformed'
    const sizes = await this.#sizes([...new DigestSet(list.chunks)])
    const missing = new DigestSet()
    for (const [i, chunk] of list.chunks.entries()) {
      const bytes = sizes.get(chunk)
      if (bytes === undefined) missing.add(chunk)
      else if (bytes !== chunkBytes(list, i)) return 'malformed'
    }
    if (missing.size > 0) return [...missing]
    if (this.#completeLists.size >= awaitedMax) this.#completeLists.clear()
    this.#completeLists.add(digest)
    return []
  }

  async #list(digest: Digest): Promise<ChunkList | undefined> {
    const bytes = await this.store.get(digest)
    try {
      return bytes === undefined ? undefined : readChunkList(bytes)
    } catch (error) {
      if (hasCode(error, 'ERR_DOCUMENT')) return undefined
      throw error
    }
  }

  async #sizes(digests: readonly Digest[]): Promise<DigestMap<number>> {
    const sizes = new DigestMap<number>()
    const stored = digests.length === 0 ? [] : await this.store.sizes(digests)
    for (const [i, digest] of digests.entries()) {
      const bytes = stored[i] ?? (equals(digest, EMPTY_DIGEST) ? 0 : undefined)
      if (bytes !== undefined) sizes.set(digest, bytes)
    }
    return sizes
  }
}
