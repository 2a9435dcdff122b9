// Texts that an operator fetched by name: they stay when texts are dropped to make room, and when
// they arrive although a filter leaves them out. One record of the store for each.
// Spec: protocol/text.md, X25.

import { type Digest, DigestSet, fromHex, toHex } from '../base/bytes.ts'
import type { Records } from '../store/store.ts'

const PAGE = 256

export class TextPins {
  readonly #records: Records
  readonly #prefix: string
  readonly #pinned = new DigestSet()

  private constructor(records: Records, frontier: string) {
    this.#records = records
    this.#prefix = `pin/${frontier}/`
  }

  /** Reads the pins of a frontier. */
  static async load(records: Records, frontier: string): Promise<TextPins> {
    const pins = new TextPins(records, frontier)
    let after: string | undefined
    for (;;) {
      const page = await records.list(pins.#prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) })
      for (const { key } of page) {
        const digest = fromHex(key.slice(pins.#prefix.length))
        if (digest !== undefined) pins.#pinned.add(digest)
      }
      after = page.at(-1)?.key
      if (after === undefined) return pins
    }
  }

  /** Returns whether the text of a node is pinned. */
  has(node: Digest): boolean {
    return this.#pinned.has(node)
  }

  /** Pins the texts of these nodes, durably. */
  async add(nodes: readonly Digest[]): Promise<void> {
    await this.#write(nodes, new Uint8Array())
    for (const node of nodes) this.#pinned.add(node)
  }

  /** Unpins the texts of these nodes, durably. */
  async remove(nodes: readonly Digest[]): Promise<void> {
    await this.#write(nodes, undefined)
    for (const node of nodes) this.#pinned.delete(node)
  }

  async #write(nodes: readonly Digest[], value: Uint8Array | undefined): Promise<void> {
    const keys = [...new Set(nodes.map(node => `${this.#prefix}${toHex(node)}`))]
    for (let from = 0; from < keys.length; from += PAGE) {
      await this.#records.write(keys.slice(from, from + PAGE).map(key => ({ key, value })))
    }
  }
}
