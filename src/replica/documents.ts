// Stores and reads whole documents of a frontier. Blocks and chunk lists are checked in
// node/document-chunks.ts. Writing goes through the gate, which releases nodes that waited for the
// document. Spec: protocol/document.md.

import { type MissingBlocks, missingBlocksOf } from '../admission/document-availability.ts'
import type { Gate } from '../admission/gate.ts'
import { type Digest, equals } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { chunkDocument, EMPTY_DIGEST, readChunkList } from '../node/document-chunks.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { DocumentStore } from '../store/store.ts'

const BLOCKS_PER_TURN = 16

/**
 * Documents of one frontier. Store a document before you append the event that links it.
 *
 * @example
 * const link = await replica.documents(frontier).put(bytes)
 * await replica.append(frontier, draft, { links: [link] })
 * const same = await replica.documents(frontier).read(link)
 */
export class Documents {
  readonly #store: DocumentStore
  readonly #gate: Gate

  constructor(store: DocumentStore, gate: Gate) {
    this.#store = store
    this.#gate = gate
  }

  /**
   * Stores a document. Durable when it returns. Equal bytes have equal links and are stored once.
   * @returns the link by which a node names the document
   * @throws ReplicaError ERR_DOCUMENT for more than 128 MiB
   */
  async put(bytes: Uint8Array): Promise<DocumentLink> {
    const { link, blocks } = chunkDocument(bytes)
    // In batches, the chunk list last, so that admission can run in between.
    for (let from = 0; from < blocks.length; from += BLOCKS_PER_TURN) {
      await this.#gate.storeDocuments(blocks.slice(from, from + BLOCKS_PER_TURN))
    }
    return link
  }

  /** Returns whether all blocks of the document are stored. */
  async has(link: DocumentLink): Promise<boolean> {
    return (await this.#lack(link)).length === 0
  }

  /**
   * Returns the document, at most 128 MiB.
   * @throws ReplicaError ERR_NOT_FOUND, ERR_DOCUMENT, ERR_STORE_CORRUPT
   */
  async read(link: DocumentLink): Promise<Uint8Array> {
    const lack = await this.#lack(link)
    if (lack === 'malformed') throw new ReplicaError('ERR_DOCUMENT', 'the linked block is not a list of chunks')
    if (lack.length > 0) throw new ReplicaError('ERR_NOT_FOUND', 'this store does not have the complete document')
    const block = await this.#block(link.digest)
    if (link.codec === 'raw') return Uint8Array.from(block)
    const { size, chunks } = readChunkList(block)
    const bytes = new Uint8Array(size)
    let at = 0
    for (const chunk of chunks) {
      const part = await this.#block(chunk)
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }

  #lack(link: DocumentLink): Promise<MissingBlocks> {
    return missingBlocksOf(this.#store, link)
  }

  async #block(digest: Digest): Promise<Uint8Array> {
    const block = equals(digest, EMPTY_DIGEST) ? new Uint8Array(0) : await this.#store.get(digest)
    if (block === undefined) throw new ReplicaError('ERR_NOT_FOUND', 'this store lacks a block of the document')
    return block
  }
}
