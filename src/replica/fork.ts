// Forks a frontier on request: a new frontier whose first node carries `frontier.forked_from`,
// followed by the available events as new nodes of this replica's key. Parents are mapped to the
// new nodes. Missing ancestors are left out and named in the first node. The base frontier does not
// change. Spec: protocol/admission.md.

import { compare, type Digest, DigestMap, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { isBlank } from '../base/text.ts'
import { cidText } from '../cbor/cid.ts'
import { type CheckedEvent, importEvent, makeEvent } from '../event/event.ts'
import { topologicalOrder } from '../graph/topological-sort.ts'
import { type DocumentLink, decodeNode, type Node } from '../node/node.ts'
import type { Frontier } from './frontier.ts'
import { type Author, type BuiltNode, NodeBuilder } from './node-builder.ts'
import type { ReplicaContext } from './replica-context.ts'

const CHUNK = 512
const PAGE = 256
const MISSING_LISTED_MAX = 1024

/** A fork and what it could not copy. */
export interface ForkReport {
  /** Name of the new frontier. */
  readonly frontier: string
  /** CID of its first node. */
  readonly cid: string
  /** CIDs of the ancestors that are not available. */
  readonly missing: readonly string[]
  /** Number of copied nodes, held ones included. */
  readonly mapped: number
}

/** @throws ReplicaError ERR_USAGE without a reason, or when the base has nothing at hand (D15) */
export async function forkFrontier(
  context: ReplicaContext,
  parts: { base: Frontier; reason: string },
): Promise<ForkReport> {
  const { base, reason } = parts
  if (isBlank(reason)) throw new ReplicaError('ERR_USAGE', 'a fork must have a reason')
  const held = await heldNodes(base)
  if (base.log.nodes === 0 && held.length === 0)
    throw new ReplicaError('ERR_USAGE', `${base.log.name} has no events to fork from`)
  const missing = await missingParents(base, held)
  const genesis = genesisOf(context, parts, missing)
  const frontier = `vfr_${genesis.head.id.slice('vev_'.length)}`
  const target = await context.openFrontier(frontier)
  const copy = new Copy({ base, target }, context, genesis)
  for await (const rows of base.log.scan({ from: 0, to: base.log.nodes })) {
    for (const row of rows) await copy.add(decodeNode(row.bytes))
  }
  for (const node of held) await copy.add(node)
  await copy.finish()
  return { frontier, cid: cidText(copy.first), missing: missing.map(id => cidText(id)), mapped: copy.mapped }
}

function genesisOf(
  context: ReplicaContext,
  parts: { base: Frontier; reason: string },
  missing: readonly Digest[],
): ReturnType<typeof makeEvent> {
  const { base, reason } = parts
  return makeEvent({
    kind: 'frontier.forked_from',
    target: { type: 'frontier', id: base.log.name },
    actor: { id: context.hubId, type: 'system' },
    reason,
    timestamp: context.now(),
    payload: {
      base_frontier: base.log.name,
      base_root: toHex(base.log.headsDigest()),
      fork_reason: reason,
      triggering_ancestors: missing.slice(0, MISSING_LISTED_MAX).map(id => cidText(id)),
    },
  })
}

/**
 * Returns held nodes that lack only ancestors or documents. Nodes that wait for a key or a cut are
 * left out, because no registered peer vouches for them.
 */
async function heldNodes(base: Frontier): Promise<Node[]> {
  const nodes: Node[] = []
  let after: Digest | undefined
  for (;;) {
    const page = await base.held.list(base.log.name, { ...(after === undefined ? {} : { after }), limit: PAGE })
    const atHand = page.filter(({ wait }) => wait.kind === 'parent' || wait.kind === 'document')
    for (const { bytes } of atHand) nodes.push(decodeNode(bytes))
    const last = page.at(-1)
    if (last === undefined) return parentsFirst(nodes)
    after = last.digest
  }
}

/** Sorts by parents, because the height that a held node states is not verified. */
function parentsFirst(nodes: readonly Node[]): Node[] {
  const byId = new Map(nodes.map(node => [toHex(node.digest), node]))
  const pairs = Array.from(byId, ([id, { parents }]) => ({ id, parents: parents.map(toHex).filter(p => byId.has(p)) }))
  return topologicalOrder(pairs)!.map(id => byId.get(id)!)
}

async function missingParents(base: Frontier, held: readonly Node[]): Promise<Digest[]> {
  const here = new DigestMap<true>()
  for (const node of held) here.set(node.digest, true)
  const missing = new DigestMap<true>()
  for (const node of held) {
    const places = await base.log.locate(node.parents)
    node.parents.forEach((parent, i) => {
      if (places[i] === undefined && !here.has(parent)) missing.set(parent, true)
    })
  }
  return [...missing].map(([id]) => id).sort(compare)
}

/** Writes the copied nodes. Keeps 32 bytes and a height per node to map parents. */
class Copy {
  readonly first: Digest
  mapped = 0
  readonly #base: Frontier
  readonly #target: Frontier
  readonly #builder: NodeBuilder
  readonly #root: BuiltNode
  /** The copy of each node; of a node whose text is not here, the copies of its parents. */
  readonly #made = new DigestMap<readonly BuiltNode[]>()

  constructor({ base, target }: { base: Frontier; target: Frontier }, author: Author, genesis: CheckedEvent) {
    this.#base = base
    this.#target = target
    this.#builder = new NodeBuilder(target, author)
    this.#root = this.#builder.buildOn(genesis, [])
    this.first = this.#root.digest
  }

  async add(node: Node): Promise<void> {
    const copies = new Set(node.parents.flatMap(parent => this.#made.get(parent) ?? []))
    const parents = [...copies].slice(0, NODE_LIMITS.parentsMax)
    const on = parents.length === 0 ? [this.#root] : parents
    // Its descendants stay descendants of its parents, so that nothing becomes concurrent.
    if (node.text === undefined) return this.#made.set(node.digest, parents)
    const copy = this.#builder.buildOn(importEvent(node.text), on, await this.#links(node))
    this.#made.set(node.digest, [copy])
    this.mapped += 1
    if (this.#builder.pending >= CHUNK) await this.#builder.flush()
  }

  /**
   * Copies the documents that the base has. Documents of held nodes that never arrived are left
   * out.
   */
  async #links(node: Node): Promise<DocumentLink[]> {
    const links: DocumentLink[] = []
    for (const link of node.links) {
      const { documents } = this.#base
      if (await documents.has(link)) links.push(await this.#target.documents.put(await documents.read(link)))
    }
    return links
  }

  async finish(): Promise<void> {
    await this.#builder.drain()
  }
}
