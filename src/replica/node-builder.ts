// Making nodes here: a drafted event, or an event that exists already, becomes a signed node of this replica's key on the
// right parents, and goes through the gate like any other. Parents: the current heads; a log's events form a chain in
// their order; an event that names its own parents gets the nodes of those events. Specification: protocol/admission.md.

import { ChainSigner, SignedNode } from '../admission/own-node.ts'
import { compare, type Digest, DigestMap, DigestSet, toHex } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { cidText, nodeDigest } from '../cbor/cid.ts'
import type { Key } from '../crypto/key.ts'
import { type CheckedEvent, eventIdPrefix } from '../event/event.ts'
import { compareLinks, type DocumentLink } from '../node/node.ts'
import type { Frontier } from './frontier.ts'

/** An event to be carried, and the documents that its node is to link: stored already, in any order. */
export interface PreparedEvent extends CheckedEvent {
  readonly links: readonly DocumentLink[]
}

export function prepareEvent(event: CheckedEvent, links: readonly DocumentLink[] = []): PreparedEvent {
  return { ...event, links }
}

/** A node to build on: stored, or built in this run and not yet durable. */
export interface BuiltNode {
  readonly digest: Digest
  readonly height: number
}

/** A run of a chain that is being signed. */
interface Chain {
  readonly events: readonly PreparedEvent[]
  readonly nodes: Promise<SignedNode[]>
}

/** What was built since the last flush: found here until it is stored. */
class Generation {
  readonly byId = new Map<string, BuiltNode>()
  readonly events = new DigestSet()
}

/** Flushes under way at once: one is committed while the next is verified and another is built. */
const FLUSHES_MAX = 2

/**
 * Builds and signs nodes one on another; `flush` hands what was built to the gate while building goes on. What is neither
 * being built, nor in a flush under way, nor in the store, was not built.
 */
export class NodeBuilder {
  readonly #frontier: Frontier
  readonly #key: Key
  readonly #signer: ChainSigner
  #parents: BuiltNode[] | undefined
  #chain: Chain | undefined
  #blocks: SignedNode[] = []
  /** What is being built, then what each flush under way has. */
  #generations = [new Generation()]
  #writing: Promise<void>[] = []
  #durable = 0

  constructor(frontier: Frontier, key: Key) {
    this.#frontier = frontier
    this.#key = key
    this.#signer = new ChainSigner(key)
  }

  /** Nodes made here that are durable. */
  get durable(): number {
    return this.#durable
  }

  get pending(): number {
    return this.#blocks.length
  }

  /** Whether a node that carries the event of this id is stored or built. */
  async has(id: string): Promise<boolean> {
    await this.#link()
    return this.#built(id) !== undefined || (await this.stored(id)) !== undefined
  }

  /** Whether a node built and perhaps not yet stored carries exactly this event. */
  made(event: PreparedEvent): boolean {
    return this.#generations.some(generation => generation.events.has(event.digest))
  }

  /** Which of these events some node of the frontier carries already. */
  async known(events: readonly PreparedEvent[]): Promise<boolean[]> {
    const asked = events.map(({ label, digest }) => ({ label, event: digest }))
    const stored = await this.#frontier.log.findByEvent(asked)
    return events.map((event, i) => stored[i] !== undefined || this.made(event))
  }

  /**
   * Builds the node of an event that is not known. Undefined when it names a parent that is neither stored nor built:
   * the caller tries again when more is there.
   * @throws ReplicaError ERR_NOT_FOUND for a document that is not stored here whole, ERR_DOCUMENT for more than fit
   */
  async build(event: PreparedEvent): Promise<BuiltNode | undefined> {
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
   * Starts to build the nodes of events that are not known, name no parents and link nothing, each on the one before; many
   * are signed in a thread of their own, while the caller makes the next ready and those before are admitted. Then `close`.
   */
  async appendToHeads(events: readonly PreparedEvent[]): Promise<void> {
    await this.#link()
    await this.flush()
    const parents = await this.#current()
    const run = { frontier: this.#frontier.log.name, parents: digestsOf(parents), height: heightOn(parents), events }
    const nodes = this.#signer.sign(run)
    nodes.catch(() => {}) // thrown by whoever awaits it
    this.#chain = { events, nodes }
    for (const { digest } of events) this.#generations[0]!.events.add(digest)
  }

  /** Builds a node on exactly these parents, which are stored or built, and with these documents, which are stored. */
  buildOn(event: CheckedEvent, parents: readonly BuiltNode[], links: readonly DocumentLink[] = []): BuiltNode {
    return this.#sign(event, parents, links)
  }

  /** Starts to admit what was built; waits while more flushes than may be are under way. */
  async flush(): Promise<void> {
    while (this.#writing.length >= FLUSHES_MAX) await this.#oldest()
    const blocks = this.#blocks
    if (blocks.length === 0) return
    this.#blocks = []
    const writing = this.#admit(blocks)
    writing.catch(() => {}) // thrown by whoever awaits it
    this.#writing.push(writing)
    this.#generations.unshift(new Generation())
  }

  /** Everything built is durable. */
  async drain(): Promise<void> {
    await this.#link()
    await this.flush()
    while (this.#writing.length > 0) await this.#oldest()
  }

  /** Ends the thread that signs; what it has under way is lost. Flushes under way, whose failure is no matter any more, end first. */
  async close(): Promise<void> {
    await this.#signer.close()
    await Promise.allSettled(this.#writing)
  }

  /** Takes up the chain under way: from here on what follows can be built on it. */
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
    // What was held before may have been judged again in the same turn: how that went is no matter of these.
    const own = new DigestSet(blocks.map(({ candidate }) => candidate.digest))
    const bad = refused.find(({ digest }) => own.has(digest))
    if (bad !== undefined) throw new ReplicaError(bad.code, `the gate refused a node made here: ${toHex(bad.digest)}`)
    if (held.some(({ digest }) => own.has(digest))) {
      throw new ReplicaError('ERR_INTERNAL', 'the gate held a node made here')
    }
  }

  /** A node whose documents are not here would be held by the gate for ever: nobody else has it. */
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

  #sign(event: CheckedEvent, parents: readonly BuiltNode[], links: readonly DocumentLink[]): BuiltNode {
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

  /** The last node of the chain, or the heads; of more heads than a node may name, the first in byte order. */
  async #current(): Promise<BuiltNode[]> {
    if (this.#parents !== undefined) return this.#parents
    await this.drain()
    const { log } = this.#frontier
    const heads = log.heads().slice(0, NODE_LIMITS.parentsMax)
    const places = await log.locate(heads)
    return heads.map((digest, i) => ({ digest, height: places[i]!.height }))
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

  /** The first node stored that carries the event of this id (or has this CID). */
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

function madeOf({ candidate: { digest, height } }: SignedNode): BuiltNode {
  return { digest, height }
}

function heightOn(parents: readonly BuiltNode[]): number {
  return parents.length === 0 ? 0 : 1 + Math.max(...parents.map(parent => parent.height))
}

function digestsOf(parents: readonly BuiltNode[]): Digest[] {
  return parents.map(parent => parent.digest).sort(compare)
}

/** Each link once, in the order that a node has them in. */
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
