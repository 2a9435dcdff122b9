// Ancestor queries on a growing DAG without a walk (chain decomposition and vector clocks).
//
// Each node lies on one chain, and each chain is a line of ancestors. The clock of a node counts
// the nodes of every other chain that it descends from; a node with one parent on its own chain
// shares the clock of that parent. Memory therefore grows with the number of forks and joins, not
// with nodes times chains. Ancestry does not depend on the order of replay, so nothing is ever
// removed. Spec: protocol/replay.md, R15.

import { type Clock, countOf, EMPTY_CLOCK, joined, withCount } from './vector-clock.ts'

/**
 * Idle chains tried before a fork starts a new chain. A greater number saves chains and changes no
 * result.
 */
const IDLE_MAX = 32

/**
 * Nodes are numbered 0, 1, 2 … in the order of `add`.
 *
 * @example
 * const ancestry = new Ancestry()
 * const root = ancestry.add([])
 * const child = ancestry.add([root])
 * ancestry.precedes(root, child) // true
 */
export class Ancestry {
  /** The chain of each node, and its position there. */
  #chains = new Uint32Array(64)
  #places = new Uint32Array(64)
  /** For each node, how many nodes of each other chain precede it. */
  readonly #clocks: Clock[] = []
  /** The last node of each chain. */
  readonly #tips: number[] = []
  /** The latest chains whose last node has a child on another chain, each once. */
  readonly #idle: number[] = []

  /** Number of nodes, and the number of the next one. */
  get size(): number {
    return this.#clocks.length
  }

  /** Adds a node and returns its number. @throws TypeError for a parent that was not added */
  add(parents: readonly number[]): number {
    const node = this.size
    for (const parent of parents)
      if (!(Number.isInteger(parent) && parent >= 0 && parent < node))
        throw new TypeError(`${parent} is not a node yet`)
    if (node === this.#chains.length) this.#grow()
    const [first] = parents
    const single = first !== undefined && parents.every(parent => parent === first)
    const onward = parents.find(parent => this.#isTip(parent))
    const clock = single && onward !== undefined ? this.#clocks[first]! : this.#seenBy(parents)
    const chain = onward === undefined ? this.#idleChain(clock) : this.#chains[onward]!
    this.#put(node, chain ?? this.#tips.length, clock)
    for (const parent of parents) this.#rest(parent)
    return node
  }

  /** Returns whether `a` is an ancestor of `b`. A node is not its own ancestor. */
  precedes(a: number, b: number): boolean {
    const chain = this.#chains[a]!
    const place = this.#places[a]!
    if (chain === this.#chains[b]) return place < this.#places[b]!
    return countOf(this.#clocks[b]!, chain) > place
  }

  #isTip(node: number): boolean {
    return this.#tips[this.#chains[node]!] === node
  }

  #seenBy(parents: readonly number[]): Clock {
    let clock = EMPTY_CLOCK
    for (const parent of parents) {
      clock = joined(clock, this.#clocks[parent]!)
      clock = withCount(clock, this.#chains[parent]!, this.#places[parent]! + 1)
    }
    return clock
  }

  /**
   * Returns an idle chain all of whose nodes this clock covers: a node with this clock may continue
   * it.
   */
  #idleChain(clock: Clock): number | undefined {
    return this.#idle.findLast(chain => countOf(clock, chain) > this.#places[this.#tips[chain]!]!)
  }

  #put(node: number, chain: number, clock: Clock): void {
    const before = this.#tips[chain]
    const at = this.#idle.indexOf(chain)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#chains[node] = chain
    this.#places[node] = before === undefined ? 0 : this.#places[before]! + 1
    this.#clocks.push(clock)
    this.#tips[chain] = node
  }

  #rest(parent: number): void {
    const chain = this.#chains[parent]!
    if (!this.#isTip(parent) || this.#idle.includes(chain)) return
    this.#idle.push(chain)
    if (this.#idle.length > IDLE_MAX) this.#idle.shift()
  }

  #grow(): void {
    const [chains, places] = [this.#chains, this.#places]
    this.#chains = new Uint32Array(chains.length * 2)
    this.#places = new Uint32Array(places.length * 2)
    this.#chains.set(chains)
    this.#places.set(places)
  }
}
