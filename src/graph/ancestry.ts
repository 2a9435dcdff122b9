// Which nodes of a DAG are ancestors of which, answered without a walk (protocol/replay.md, R15). Nodes are put on chains, each of
// which is a line of ancestors; a node's clock says how far it has seen every other chain, and is shared with its parent's as long as
// a line goes on undisturbed. Memory follows the number of forks and joins, not nodes times chains. Nothing is ever taken
// back: ancestry doesn't depend on the order of replay.

import { type Clock, countOf, EMPTY_CLOCK, joined, withCount } from './vector-clock.ts'

/** So many idle chains are tried before a fork gets a chain of its own; more would save chains and change no answer. */
const IDLE_MAX = 32

export class Ancestry {
  /** The chain of each node, and its place there. */
  #chains = new Uint32Array(64)
  #places = new Uint32Array(64)
  /** What each node has seen of other chains than its own. */
  readonly #clocks: Clock[] = []
  /** The last node of each chain. */
  readonly #tips: number[] = []
  /** The latest chains on whose last node something else than their own continuation was built, each once. */
  readonly #idle: number[] = []

  /** How many nodes there are; the next one gets this number. */
  get size(): number {
    return this.#clocks.length
  }

  /** Adds a node above nodes that are there, and answers its number: 0, 1, 2 … */
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

  /** True when `a` is an ancestor of `b`; no node is its own. */
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

  /** A chain that nobody continues and of which this clock has seen all: it may go on with a node that has this clock. */
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
