// Documents of one frontier in the memory engine: a map from digests to bytes.

import { DigestMap } from '../base/bytes.ts'
import type { Mutex } from '../base/mutex.ts'
import type { DocumentBlock } from '../node/document-chunks.ts'
import { checkBlocks } from './arguments.ts'
import type { DocumentStore } from './store.ts'

export class MemoryDocuments implements DocumentStore {
  readonly #serial: Mutex
  readonly #blocks = new DigestMap<Uint8Array>()

  constructor(serial: Mutex) {
    this.#serial = serial
  }

  async has(digests: readonly Uint8Array[]): Promise<boolean[]> {
    this.#serial.assertOpen()
    return digests.map(digest => this.#blocks.has(digest))
  }

  async sizes(digests: readonly Uint8Array[]): Promise<(number | undefined)[]> {
    this.#serial.assertOpen()
    return digests.map(digest => this.#blocks.get(digest)?.length)
  }

  async get(digest: Uint8Array): Promise<Uint8Array | undefined> {
    this.#serial.assertOpen()
    return this.#blocks.get(digest)
  }

  async put(blocks: readonly DocumentBlock[]): Promise<void> {
    await this.#serial.run(async () => {
      checkBlocks(blocks)
      for (const { digest, bytes } of blocks) {
        if (!this.#blocks.has(digest)) this.#blocks.set(digest, Buffer.from(bytes))
      }
    })
  }
}
