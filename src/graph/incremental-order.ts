// The replay order of a log that grows (protocol/admission.md, D7 to D9): nodes are added as they arrive, and the order is made again
// only from the first place on at which a new node belongs. What is built on the present heads goes to the end and costs nothing more
// than itself; a node that was made long ago costs what lies behind its place. 60 bytes a node and 4 a parent stay in memory.
// replay.ts gives the same order for a log that is read once.

import { yieldToEventLoop } from '../base/cooperative.ts'
import { compareWords, KEY_WORDS, type KeyedNode, LABEL_WORDS, sortByKey, writeKey } from './sort-keys.ts'
import { topologicalSort } from './topological-sort.ts'

/** So many nodes and more are sorted in passes that let others have their turn. */
const FEW = 4096

export class IncrementalOrder {
  #keys = new Uint32Array(64 * KEY_WORDS)
  /** Where the parents of each node begin in `#parents`. */
  #starts = new Uint32Array(65)
  #parents = new Uint32Array(64)
  #order = new Uint32Array(64)
  /** The place of each node in the order; before it is settled, its place among those that are being placed. */
  #places = new Uint32Array(64)
  #count = 0
  #settled = 0

  /** Nodes added. The next one gets this sequence number. */
  get size(): number {
    return this.#count
  }

  /** Adds the next node of the log; its parents are there. */
  add(node: KeyedNode & { readonly parents: readonly number[] }): void {
    const seq = this.#count
    if (node.parents.some(parent => parent >= seq)) throw new TypeError('a parent is not there yet')
    if (seq === this.#order.length) this.#grow()
    const start = this.#starts[seq]!
    const end = start + node.parents.length
    if (end > this.#parents.length) this.#parents = enlarged(this.#parents, Math.max(end, 2 * this.#parents.length))
    this.#parents.set(node.parents, start)
    this.#starts[seq + 1] = end
    writeKey(this.#keys, seq, node)
    this.#count += 1
  }

  /** Text that is equal for nodes that carry the same event, by the first 128 bits of its hash. */
  eventKey(seq: number): string {
    const at = seq * KEY_WORDS + LABEL_WORDS
    const halves: number[] = []
    for (const word of this.#keys.subarray(at, at + 4)) halves.push(word >>> 16, word & 0xffff)
    return String.fromCharCode(...halves)
  }

  /** The node at a place of the order as it was settled. */
  at(place: number): number {
    return this.#order[place]!
  }

  placeOf(seq: number): number {
    return this.#places[seq]!
  }

  /** Gives the nodes added since their places; answers the first place that holds another node than before, or none held. */
  async settle(): Promise<number> {
    const from = this.#firstDifference()
    const members = this.#members(from)
    if (members.length === 0) return from
    const walk = topologicalSort(await this.#graphOf(members, from))
    let step = walk.next()
    for (; !step.done; step = walk.next()) await yieldToEventLoop()
    for (const [i, member] of step.value.entries()) {
      this.#order[from + i] = members[member]!
      this.#places[members[member]!] = from + i
    }
    this.#settled = this.#count
    return from
  }

  /** The first place at which a new node would be taken before the one that stands there. */
  #firstDifference(): number {
    let first = this.#settled
    for (let seq = this.#settled; seq < this.#count; seq++) {
      let at = 0
      for (const parent of this.#parentsOf(seq))
        at = parent < this.#settled ? Math.max(at, this.#places[parent]! + 1) : this.#settled
      while (at < first && compareWords(this.#keys, this.#order[at]!, seq, 0, KEY_WORDS) < 0) at++
      first = Math.min(first, at)
    }
    return first
  }

  /** The nodes to be placed: those at and behind `from`, and the new ones. */
  #members(from: number): Uint32Array {
    const members = new Uint32Array(this.#count - from)
    members.set(this.#order.subarray(from, this.#settled))
    for (let seq = this.#settled; seq < this.#count; seq++) members[seq - from] = seq
    return members
  }

  /** The DAG of these nodes alone: what is before them is placed, and bars nothing. */
  async #graphOf(members: Uint32Array, from: number) {
    for (let seq = this.#settled; seq < this.#count; seq++) this.#places[seq] = seq
    const degrees = new Uint32Array(members.length)
    const parents: number[] = []
    for (let i = 0; i < members.length; i++) {
      for (const parent of this.#parentsOf(members[i]!)) {
        const at = this.#places[parent]! - from
        if (at < 0) continue
        degrees[i] = degrees[i]! + 1
        parents.push(at)
      }
    }
    return { degrees, parents: Uint32Array.from(parents), ranks: await this.#ranksOf(members) }
  }

  async #ranksOf(members: Uint32Array): Promise<Uint32Array> {
    const ranks = new Uint32Array(members.length)
    const sorted = members.length < FEW ? this.#sortFew(members) : await sortByKey(this.#keysOf(members))
    for (let i = 0; i < sorted.length; i++) ranks[sorted[i]!] = i
    return ranks
  }

  #sortFew(members: Uint32Array): Uint32Array {
    const compare = (a: number, b: number) => compareWords(this.#keys, members[a]!, members[b]!, 0, KEY_WORDS)
    return Uint32Array.from(members.keys()).sort(compare)
  }

  #keysOf(members: Uint32Array): Uint32Array {
    const keys = new Uint32Array(members.length * KEY_WORDS)
    for (const [i, seq] of members.entries())
      keys.set(this.#keys.subarray(seq * KEY_WORDS, (seq + 1) * KEY_WORDS), i * KEY_WORDS)
    return keys
  }

  #parentsOf(seq: number): Uint32Array {
    return this.#parents.subarray(this.#starts[seq]!, this.#starts[seq + 1]!)
  }

  #grow(): void {
    const size = 2 * this.#order.length
    this.#keys = enlarged(this.#keys, size * KEY_WORDS)
    this.#starts = enlarged(this.#starts, size + 1)
    this.#order = enlarged(this.#order, size)
    this.#places = enlarged(this.#places, size)
  }
}

function enlarged(array: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length)
  larger.set(array)
  return larger
}
