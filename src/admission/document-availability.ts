// What the documents of nodes lack. A node's documents are whole when every raw link is stored, and for every other link a
// list of chunks with all its chunks, each of the size that the list says. The gate asks here before it admits, and keeps
// in mind which digests held nodes wait for: nothing else is taken from peers. Specification: protocol/document.md.

import { type Digest, DigestMap, DigestSet, equals } from '../base/bytes.ts'
import { hasCode } from '../base/errors.ts'
import { DOCUMENT_LIMITS } from '../base/limits.ts'
import { type ChunkList, chunkBytes, EMPTY_DIGEST, readChunkList } from '../node/document-chunks.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { DocumentStore } from '../store/store.ts'

const { awaitedMax, awaitedListedMax } = DOCUMENT_LIMITS

/** Digests of blocks that are absent, or the word that what is there can never be a document. */
export type MissingBlocks = readonly Digest[] | 'malformed'

/** What one document lacks. */
export async function missingBlocksOf(store: DocumentStore, link: DocumentLink): Promise<MissingBlocks> {
  const { digest } = link
  return (await new DocumentCheck(store).missingBlocks([{ digest, links: [link] }])).get(digest) ?? []
}

/** A node, as far as it matters here. */
export interface LinkingNode {
  readonly digest: Digest
  readonly links: readonly DocumentLink[]
}

export class DocumentCheck {
  readonly store: DocumentStore
  /** Lists found whole: documents are never taken away, so they stay it. */
  readonly #completeLists = new DigestSet()
  readonly #awaited = new DigestSet()
  #overflowed = false

  constructor(store: DocumentStore) {
    this.store = store
  }

  get awaitsAny(): boolean {
    return this.#awaited.size > 0 || this.#overflowed
  }

  /** Some held node waits for this, or, in `maybe`, so many digests are waited for that not all could be kept in mind. */
  awaits(digest: Digest): boolean | 'maybe' {
    return this.#awaited.has(digest) || (this.#overflowed && 'maybe')
  }

  /** Held nodes wait for these. Answers those that are kept in mind. */
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

  noteStored(digest: Digest): void {
    this.#awaited.delete(digest)
  }

  /** Nothing is held any more. */
  clear(): void {
    this.#awaited.clear()
    this.#overflowed = false
  }

  /** What each of these nodes lacks, of at most 4,096 blocks; those that lack nothing are left out. */
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
