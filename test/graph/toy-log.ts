// A log of nodes without content for tests of graph algorithms. Digests are made from names;
// nothing is stored. The log counts calls, so that a test can check the cost of a walk.

import { compare, concat, type Digest, DigestMap, sha256, utf8 } from '../../src/base/bytes.ts'
import { Mutex } from '../../src/base/mutex.ts'
import { LogSnapshot } from '../../src/store/log-snapshot.ts'
import { MemoryDocumentStore } from '../../src/store/memory-store.ts'
import type {
  FrontierStore,
  NodeEntry,
  NodeLocation,
  NodeReader,
  NodeRow,
  ScanOptions,
  TextCounts,
} from '../../src/store/store.ts'

const ROW_BYTES = 1000

export class ToyLog implements FrontierStore {
  readonly name = 'vfr_0000000000000000'
  readonly documents = new MemoryDocumentStore(new Mutex())
  readonly #rows: NodeRow[] = []
  readonly #places = new DigestMap<NodeLocation>()
  readonly #heads = new DigestMap<Digest>()
  /** Digests looked up, and rows read, since the log was made. */
  located = 0
  rowsRead = 0

  /** Adds a node; parents by sequence number. */
  add(digest: Digest, parents: readonly number[], bytes: Uint8Array = new Uint8Array(0)): void {
    const seq = this.#rows.length
    const height = parents.reduce((max, parent) => Math.max(max, this.#heightAt(parent) + 1), 0)
    this.#rows.push({ seq, digest, bytes, headerBytes: bytes.length, text: 'wanted', parents })
    this.#places.set(digest, { seq, height })
    this.#heads.set(digest, digest)
    for (const parent of parents) this.#heads.delete(this.#rows[parent]!.digest)
  }

  #heightAt(seq: number): number {
    return this.#places.get(this.#rows[seq]!.digest)!.height
  }

  get nodes(): number {
    return this.#rows.length
  }

  texts(): TextCounts {
    return { here: 0, wanted: this.nodes, 'left-out': 0, erased: 0, void: 0 }
  }

  async absent(): Promise<number[]> {
    return this.#rows.map(({ seq }) => seq)
  }

  async setTexts(): Promise<void> {
    throw new TypeError('nothing is stored here')
  }

  get events(): number {
    return this.#rows.length
  }

  heads(): Digest[] {
    return [...this.#heads.values()].sort(compare)
  }

  get headCount(): number {
    return this.#heads.size
  }

  headsDigest(): Digest {
    return sha256(concat(this.heads()))
  }

  async locate(digests: readonly Digest[]): Promise<(NodeLocation | undefined)[]> {
    this.located += digests.length
    return digests.map(digest => this.#places.get(digest))
  }

  async read(seqs: readonly number[]): Promise<NodeRow[]> {
    this.rowsRead += seqs.length
    return seqs.map(seq => this.#rows[seq]!)
  }

  async *scan({ from, to = this.nodes, reverse = false, batchBytes = 1 << 20 }: ScanOptions): AsyncIterable<NodeRow[]> {
    const size = Math.max(1, Math.floor(batchBytes / ROW_BYTES))
    for (let done = 0; done < to - from; done += size) {
      const [low, high] = reverse
        ? [Math.max(from, to - done - size), to - done]
        : [from + done, Math.min(to, from + done + size)]
      const rows = this.#rows.slice(low, high)
      this.rowsRead += rows.length
      yield reverse ? rows.reverse() : rows
    }
  }

  snapshot(nodes: number): NodeReader {
    return new LogSnapshot(this, nodes)
  }

  async findByLabel(): Promise<number[]> {
    throw new TypeError('a toy log has no labels')
  }

  sharedLabels(): AsyncIterable<Uint8Array> {
    throw new TypeError('a toy log has no labels')
  }

  async findByEvent(): Promise<(number | undefined)[]> {
    throw new TypeError('a toy log has no events')
  }

  async commit(_nodes: readonly NodeEntry[]): Promise<number> {
    throw new TypeError('a toy log takes no commits')
  }
}

export function toyDigest(name: string | number): Digest {
  return sha256(utf8(`toy ${name}`))
}

/** A log with a node for each list of parents; names number the nodes unless given. */
export function toyLog(parents: readonly (readonly number[])[], names?: readonly (string | number)[]): ToyLog {
  const log = new ToyLog()
  for (const [seq, list] of parents.entries()) log.add(toyDigest(names?.[seq] ?? seq), list)
  return log
}
