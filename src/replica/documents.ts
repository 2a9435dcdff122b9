// Documents of a frontier, whole: put before the node that links them is made, read by the link. Blocks, lists and their
// checks are codec/document.ts; storing goes through the gate, which lets in what waited. Specification: protocol/document.md.

import { type MissingBlocks, missingBlocksOf } from '../admission/document-availability.ts'
import type { Gate } from '../admission/gate.ts'
import { type Digest, equals } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { chunkDocument, EMPTY_DIGEST, readChunkList } from '../node/document-chunks.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { DocumentStore } from '../store/store.ts'

const BLOCKS_PER_TURN = 16

export class Documents {
  readonly #store: DocumentStore
  readonly #gate: Gate

  constructor(store: DocumentStore, gate: Gate) {
    this.#store = store
    this.#gate = gate
  }

  /**
   * Keeps a document and answers the link by which a node names it. Durable when it returns; the same bytes have the same
   * link, and are stored once.
   * @throws ReplicaError ERR_DOCUMENT for more than 128 MiB
   */
  async put(bytes: Uint8Array): Promise<DocumentLink> {
    const { link, blocks } = chunkDocument(bytes)
    // In pieces, the list last: admission goes on in between.
    for (let from = 0; from < blocks.length; from += BLOCKS_PER_TURN) {
      await this.#gate.storeDocuments(blocks.slice(from, from + BLOCKS_PER_TURN))
    }
    return link
  }

  /** Whether it is stored whole. */
  async has(link: DocumentLink): Promise<boolean> {
    return (await this.#lack(link)).length === 0
  }

  /** The whole document, at most 128 MiB. @throws ReplicaError ERR_NOT_FOUND, ERR_DOCUMENT, ERR_STORE_CORRUPT */
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
