// Builds signed nodes of this replica's key and sends them through the gate like any other node.
// Parents are the current heads; more heads than a node can name are folded by merge nodes first.
// The events of a log form a chain in their order; an event that names its own parents gets the
// nodes of those events. Spec: protocol/admission.md, D14.

import { ChainSigner, SignedNode } from '../admission/own-node.ts'
import { compare, concat, type Digest, DigestMap, DigestSet, sha256, toHex } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { cidText, nodeDigest } from '../cbor/cid.ts'
import type { Key } from '../crypto/key.ts'
import { type CheckedEvent, eventIdPrefix, makeEvent } from '../event/event.ts'
import { compareLinks, type DocumentLink } from '../node/node.ts'
import type { Frontier } from './frontier.ts'

/**
 * An event and the documents that its node links. The documents are stored already, in any order.
 */
export interface PreparedEvent extends CheckedEvent {
  readonly links: readonly DocumentLink[]
}

export function prepareEvent(event: CheckedEvent, links: readonly DocumentLink[] = []): PreparedEvent {
  return { ...event, links }
}

/** A node to build on: stored, or built in this run and not durable yet. */
export interface BuiltNode {
  readonly digest: Digest
  readonly height: number
}

/** A node that was built in this run. */
export interface MadeNode extends BuiltNode {
  /** In byte order. */
  readonly parents: readonly Digest[]
}

/** The maker of nodes, as `ReplicaContext` has it. */
export interface Author {
  readonly key: Key
  /** The actor of merge nodes. */
  readonly hubId: string
  /** Returns the present time, RFC 3339. */
  now(): string
}

/** A chain of nodes that is being signed. */
interface Chain {
  readonly events: readonly PreparedEvent[]
  readonly nodes: Promise<SignedNode[]>
}

/** Nodes built since the last flush. They are found here until they are stored. */
class Generation {
  readonly byId = new Map<string, BuiltNode>()
  readonly events = new DigestSet()
}

/** Merge nodes that are built before the gate gets them. */
const MERGES_PER_FLUSH = 512

/** Concurrent flushes: one is committed while the next is verified and another is built. */
const FLUSHES_MAX = 2

/**
 * Builds and signs nodes; `flush` passes them to the gate while building goes on. A node is built
 * if it is in a generation here or in the store.
 */
export class NodeBuilder {
  readonly #frontier: Frontier
  readonly #key: Key
  readonly #author: Author
  readonly #signer: ChainSigner
  #parents: BuiltNode[] | undefined
  #chain: Chain | undefined
  #blocks: SignedNode[] = []
  /** The present generation, then those of running flushes. */
  #generations = [new Generation()]
  #writing: Promise<void>[] = []
  #durable = 0

  constructor(frontier: Frontier, author: Author) {
    const { key } = author
    this.#frontier = frontier
    this.#key = key
    this.#author = author
    this.#signer = new ChainSigner(key)
  }

  /** Number of durable nodes made here. */
  get durable(): number {
    return this.#durable
  }

  get pending(): number {
    return this.#blocks.length
  }

  /** Returns whether a node with the event of this id is stored or built. */
  async has(id: string): Promise<boolean> {
    await this.#link()
    return this.#built(id) !== undefined || (await this.stored(id)) !== undefined
  }

  /** Returns whether a node built here carries exactly this event. */
  made(event: PreparedEvent): boolean {
    return this.#generations.some(generation => generation.events.has(event.digest))
  }

  /** Returns which of these events a node of the frontier carries. */
  async known(events: readonly PreparedEvent[]): Promise<boolean[]> {
    const asked = events.map(({ label, digest }) => ({ label, event: digest }))
    const stored = await this.#frontier.log.findByEvent(asked)
    return events.map((event, i) => stored[i] !== undefined || this.made(event))
  }

  /**
   * Builds the node of a new event. Returns undefined if it names a parent that is neither stored
   * nor built; the caller tries again later.
   * @throws ReplicaError ERR_NOT_FOUND for a document that is not stored whole, ERR_DOCUMENT for
   * too many links
   */
  async build(event: PreparedEvent): Promise<MadeNode | undefined> {
    await this.#link()
    const { parents: names } = event.head
    const parents = names === undefined ? await this.#current() : await this.#named(names)
    if (parents === undefined) return undefined
    await this.#checkLinks(event.links)
    const made = this.#sign(event, parents, event.links)
    this.#parents = names === undefined ? [made] : undefined
    this.#generations[0]!.byId.set(event.head.id, made)
    this.#generations[0]!.events.add(event.digest)
    return made
  }

  /**
   * Starts to build nodes of new events that name no parents and link nothing, each on the previous
   * one. They are signed in a thread, while the caller prepares the next and earlier ones are
   * admitted. Call `close` afterwards.
   */
  async appendToHeads(events: readonly PreparedEvent[]): Promise<void> {
    await this.#link()
    await this.flush()
    const parents = await this.#current()
    const run = { frontier: this.#frontier.log.name, parents: digestsOf(parents), height: heightOn(parents), events }
    const nodes = this.#signer.sign(run)
    nodes.catch(() => {}) // the caller that awaits it gets the error
    this.#chain = { events, nodes }
    for (const { digest } of events) this.#generations[0]!.events.add(digest)
  }

  /** Builds a node on exactly these parents and documents, which exist. */
  buildOn(event: CheckedEvent, parents: readonly BuiltNode[], links: readonly DocumentLink[] = []): BuiltNode {
    return this.#sign(event, parents, links)
  }

  /** Starts to admit the built nodes; waits if too many flushes run. */
  async flush(): Promise<void> {
    while (this.#writing.length >= FLUSHES_MAX) await this.#oldest()
    const blocks = this.#blocks
    if (blocks.length === 0) return
    this.#blocks = []
    const writing = this.#admit(blocks)
    writing.catch(() => {}) // the caller that awaits it gets the error
    this.#writing.push(writing)
    this.#generations.unshift(new Generation())
  }

  /** Waits until all built nodes are durable. */
  async drain(): Promise<void> {
    await this.#link()
    await this.flush()
    while (this.#writing.length > 0) await this.#oldest()
  }

  /**
   * Ends the signing thread and drops its work. Waits for running flushes and ignores their errors.
   */
  async close(): Promise<void> {
    await this.#signer.close()
    await Promise.allSettled(this.#writing)
  }

  /** Waits for the running chain, so that nodes can be built on it. */
  async #link(): Promise<void> {
    const chain = this.#chain
    if (chain === undefined) return
    const nodes = await chain.nodes
    this.#chain = undefined
    for (const [i, node] of nodes.entries()) this.#generations[0]!.byId.set(chain.events[i]!.head.id, madeOf(node))
    this.#blocks.push(...nodes)
    this.#parents = nodes.slice(-1).map(madeOf)
  }

  async #oldest(): Promise<void> {
    await this.#writing[0]
    this.#writing.shift()
    this.#generations.pop()
  }

  async #admit(blocks: readonly SignedNode[]): Promise<void> {
    const { refused, held } = await this.#frontier.gate.admit(blocks, { from: this.#key.publicKeyBytes })
    this.#durable += blocks.length - refused.length - held.length
    if (refused.length + held.length === 0) return
    // The same pass may also judge nodes that were held before. Those are ignored here.
    const own = new DigestSet(blocks.map(({ candidate }) => candidate.digest))
    const bad = refused.find(({ digest }) => own.has(digest))
    if (bad !== undefined) throw new ReplicaError(bad.code, `the gate refused a node made here: ${toHex(bad.digest)}`)
    if (held.some(({ digest }) => own.has(digest))) {
      throw new ReplicaError('ERR_INTERNAL', 'the gate held a node made here')
    }
  }

  /** The gate would hold a node without its documents for ever, because no other peer has it. */
  async #checkLinks(links: readonly DocumentLink[]): Promise<void> {
    if (links.length > NODE_LIMITS.linksMax) {
      throw new ReplicaError('ERR_DOCUMENT', `a node can link at most ${NODE_LIMITS.linksMax} documents`)
    }
    for (const link of links) {
      if (await this.#frontier.documents.has(link)) continue
      const name = cidText(link.digest, link.codec)
      throw new ReplicaError('ERR_NOT_FOUND', `this store does not have the complete document ${name}: put it first`)
    }
  }

  #sign(event: CheckedEvent, parents: readonly BuiltNode[], links: readonly DocumentLink[]): MadeNode {
    const node = SignedNode.make(this.#key, {
      event,
      links: inOrder(links),
      height: heightOn(parents),
      parents: digestsOf(parents),
      frontier: this.#frontier.log.name,
    })
    this.#blocks.push(node)
    return madeOf(node)
  }

  /** Returns the last node of the chain, or the heads, folded if a node can't name all of them. */
  async #current(): Promise<BuiltNode[]> {
    if (this.#parents !== undefined) return this.#parents
    await this.drain()
    const { log } = this.#frontier
    const heads = log.heads()
    const places = await log.locate(heads)
    return this.#fold(heads.map((digest, i) => ({ digest, height: places[i]!.height })))
  }

  /** Joins nodes by merge nodes, in groups, until one node can name all of them. */
  async #fold(heads: BuiltNode[]): Promise<BuiltNode[]> {
    const { parentsMax } = NODE_LIMITS
    let level = heads
    while (level.length > parentsMax) {
      const next: BuiltNode[] = []
      for (let from = 0; from < level.length; from += parentsMax) {
        const group = level.slice(from, from + parentsMax)
        next.push(group.length === 1 ? group[0]! : this.#sign(this.#mergeOf(group), group, []))
        if (this.#blocks.length >= MERGES_PER_FLUSH) await this.flush()
      }
      level = next
    }
    return level
  }

  #mergeOf(group: readonly BuiltNode[]): CheckedEvent {
    const { hubId } = this.#author
    return makeEvent({
      kind: 'frontier.merged',
      target: { type: 'frontier', id: this.#frontier.log.name },
      actor: { id: hubId, type: 'system' },
      reason: 'more heads than a node can name',
      timestamp: this.#author.now(),
      // The digest makes the events of a fold different from each other.
      payload: { heads: group.length, heads_digest: `sha256:${toHex(sha256(concat(digestsOf(group))))}` },
    })
  }

  async #named(ids: readonly string[]): Promise<BuiltNode[] | undefined> {
    const parents = new DigestMap<BuiltNode>()
    for (const id of new Set(ids)) {
      const parent = this.#built(id) ?? (await this.stored(id))
      if (parent === undefined) return undefined
      parents.set(parent.digest, parent)
    }
    if (parents.size > NODE_LIMITS.parentsMax) {
      throw new ReplicaError('ERR_EVENT_PARENT', tooManyParents(parents.size))
    }
    return [...parents.values()]
  }

  #built(id: string): BuiltNode | undefined {
    for (const generation of this.#generations) {
      const made = generation.byId.get(id)
      if (made !== undefined) return made
    }
    return undefined
  }

  /** Returns the first stored node with the event of this id or with this CID. */
  async stored(id: string): Promise<BuiltNode | undefined> {
    const { log } = this.#frontier
    if (id.startsWith('vev_')) {
      if (!/^vev_[0-9a-f]{16}$/.test(id)) return undefined
      const [seq] = await log.findByLabel(eventIdPrefix(id))
      if (seq === undefined) return undefined
      const [row] = await log.read([seq])
      const [place] = await log.locate([row!.digest])
      return { digest: row!.digest, height: place!.height }
    }
    const digest = digestOrUndefined(id)
    const [place] = digest === undefined ? [] : await log.locate([digest])
    return place === undefined ? undefined : { digest: digest!, height: place.height }
  }
}

export function tooManyParents(count: number): string {
  return `an event has ${count} parents, more than ${NODE_LIMITS.parentsMax}`
}

function madeOf({ candidate: { digest, height, parents } }: SignedNode): MadeNode {
  return { digest, height, parents }
}

function heightOn(parents: readonly BuiltNode[]): number {
  return parents.length === 0 ? 0 : 1 + Math.max(...parents.map(parent => parent.height))
}

function digestsOf(parents: readonly BuiltNode[]): Digest[] {
  return parents.map(parent => parent.digest).sort(compare)
}

/** Returns the links without duplicates, in the order of a node. */
function inOrder(links: readonly DocumentLink[]): DocumentLink[] {
  const sorted = [...links].sort(compareLinks)
  return sorted.filter((link, i) => i === 0 || compareLinks(sorted[i - 1]!, link) !== 0)
}

function digestOrUndefined(cid: string): Digest | undefined {
  try {
    return nodeDigest(cid)
  } catch (error) {
    if (!hasCode(error, 'ERR_CID')) throw error
    return undefined
  }
}
