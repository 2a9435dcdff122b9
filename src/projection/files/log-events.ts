// Reads the parts of a whole frontier from a stored log: events in replay order, the authoritative
// base document, which is that of the owner, and linked proposals. Ignores other links. Spec:
// protocol/frontier.md, F19.

import { founderKeys } from '../../admission/founder.ts'
import type { Registry } from '../../admission/registry.ts'
import { toHex } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import { checkEvent, type EventHead } from '../../event/event.ts'
import { Ancestry } from '../../graph/ancestry.ts'
import { printJson } from '../../json/json.ts'
import { decodeNode } from '../../node/node.ts'
import type { DocumentLink } from '../../node/schema.ts'
import type { Documents } from '../../replica/documents.ts'
import { inReplayOrder } from '../../replica/log-reader.ts'
import type { NodeReader } from '../../store/store.ts'
import { readFrontier } from '../../vela/files/frontier-file.ts'
import { payloadOf } from '../../vela/payloads.ts'
import type { Precedes } from '../../vela/state/state.ts'
import { needsRegisteredSigner } from '../event-index.ts'
import { BASE_STARTS, type Base, linkText, readBase } from './base-document.ts'

export interface LogEvent {
  readonly text: Uint8Array
  readonly head: EventHead
  /** SHA-256 of the text, 64 hex digits. */
  readonly digest: string
  /**
   * Whether it counts in replay. Events about the frontier itself count only through a registered
   * signer.
   */
  readonly counts: boolean
  /** Its authoritative nodes, by their places in replay order; absent if nodes are unknown. */
  readonly nodes?: readonly number[]
}

export interface BaseLinked {
  /** CID of the document. */
  readonly document: string
  /** Public keys of the nodes that link it, 64 hex digits each. */
  readonly keys: readonly string[]
  readonly counts: boolean
}

export interface LogContents {
  readonly frontier: string
  readonly events: readonly LogEvent[]
  /** The owner's last in replay order; if there is none, the last of any. */
  readonly base: Base | undefined
  /** All candidates, the authoritative one included, in the order of the nodes that link them. */
  readonly bases: readonly BaseLinked[]
  /** Documents by the text of their links, in the order of the nodes that link them. */
  readonly documents: ReadonlyMap<string, Uint8Array>
  /** Ancestry of nodes, by their places. */
  readonly precedes: Precedes
}

/** Kinds of this program, which are not part of an exported frontier. */
const OWN_KINDS: ReadonlySet<string> = new Set(['frontier.merged'])

/** Member of the payload that marks a genesis event as carrier of a base document. */
export const CARRIED = 'base_document'

/**
 * The parts of a frontier that are read. The log may be a snapshot; the registry is the present
 * one.
 */
export interface LogSource {
  readonly log: NodeReader
  readonly registry: Registry
  readonly documents: Pick<Documents, 'read'>
}

/** Reads a log. Without `isAuthoritative` every event counts. */
export async function readLogContents(
  frontier: LogSource,
  isAuthoritative: (key: Uint8Array) => boolean = () => true,
): Promise<LogContents> {
  const events: LogEvent[] = []
  const links = new Links(await founderKeys(frontier))
  const carriers = new Map<string, number[]>()
  const ancestry = new Ancestry()
  const places = new Map<number, number>()
  for await (const rows of inReplayOrder(frontier.log, { reverse: false, duplicates: 'all' })) {
    for (const { seq, bytes, parents } of rows) {
      const place = ancestry.add(parents.map(parent => places.get(parent)!))
      places.set(seq, place)
      const node = decodeNode(bytes)
      // Further nodes of an event may link other documents.
      for (const link of node.links) links.add(link, toHex(node.key))
      const { text } = node
      if (text === undefined) continue
      const digest = toHex(node.event)
      const others = carriers.get(digest)
      const counting = !needsRegisteredSigner(text) || isAuthoritative(node.key) ? [place] : []
      carriers.set(digest, [...(others ?? []), ...counting])
      if (others !== undefined) continue
      const head = checkEvent(text)
      const event = { text, head, digest, counts: true }
      if (!isOwn({ kind: head.kind, text })) events.push(event)
    }
  }
  const judged = events.map(event => {
    const nodes = carriers.get(event.digest)!
    return { ...event, counts: nodes.length > 0, nodes }
  })
  const precedes: Precedes = (a, b) => ancestry.precedes(a, b)
  return { frontier: frontier.log.name, events: judged, precedes, ...(await readDocuments(frontier, links)) }
}

interface Linked {
  readonly link: DocumentLink
  readonly keys: Set<string>
}

/**
 * Linked documents by the text of their links, in the order of the last nodes that link them: of
 * the owner, and of all.
 */
class Links {
  readonly all = new Map<string, Linked>()
  readonly #owned = new Set<string>()
  readonly #owner: ReadonlySet<string>

  constructor(owner: ReadonlySet<string>) {
    this.#owner = owner
  }

  add(link: DocumentLink, key: string): void {
    const name = linkText(link)
    const { keys } = this.all.get(name) ?? { keys: new Set<string>() }
    this.all.delete(name)
    this.all.set(name, { link, keys: keys.add(key) })
    if (!this.#owner.has(key)) return
    this.#owned.delete(name)
    this.#owned.add(name)
  }

  /**
   * Yields the owner's links first, then the others, newest first, so that other peers' links
   * cannot exhaust the limit.
   */
  *weightiest(): Generator<[string, DocumentLink]> {
    const others = [...this.all.keys()].filter(name => !this.#owned.has(name))
    for (const name of [...this.#owned].reverse().concat(others.reverse())) yield [name, this.all.get(name)!.link]
  }
}

/** Returns whether an event is internal to this program: it joins heads, or carries links. */
export function isOwn({ kind, text }: { kind: string; text: Uint8Array }): boolean {
  if (OWN_KINDS.has(kind)) return true
  if (kind !== 'frontier.created') return false
  const payload = payloadOf(text)
  return payload instanceof Map && typeof payload.get(CARRIED) === 'string'
}

async function readDocuments(
  { documents, log }: LogSource,
  links: Links,
): Promise<Pick<LogContents, 'base' | 'bases' | 'documents'>> {
  const read = new Map<string, Uint8Array>()
  const bases = new Map<string, Uint8Array>()
  let room = FETCH_LIMITS.frontierBytesMax * 2
  for (const [name, link] of links.weightiest()) {
    if (room <= 0) break
    const bytes = await documents.read(link)
    room -= bytes.length
    if (BASE_STARTS.some(start => startsWith(bytes, start))) bases.set(name, bytes)
    else read.set(name, bytes)
  }
  const found = firstUsable(bases, { frontier: log.name, read })
  const listed = [...links.all].filter(([name]) => bases.has(name))
  return {
    base: found?.base,
    bases: listed.map(([document, { keys }]) => ({ document, keys: [...keys], counts: document === found?.name })),
    documents: inOrderOf(links, read),
  }
}

function inOrderOf(links: Links, read: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...links.all.keys()].flatMap(name => (read.has(name) ? [[name, read.get(name)!]] : [])))
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).toString('latin1') === text
}

/**
 * Returns the first usable candidate. Any registered peer may link documents that look like one.
 */
function firstUsable(
  bases: ReadonlyMap<string, Uint8Array>,
  { frontier, read }: { frontier: string; read: ReadonlyMap<string, Uint8Array> },
): { readonly name: string; readonly base: Base } | undefined {
  for (const [name, bytes] of bases) {
    const base = readBase(bytes, frontier)
    if (base === undefined) continue
    const parts = [...(base.proposals ?? []), ...(base.files ?? []).map(({ content }) => ({ link: content }))]
    const links = parts.flatMap(part => ('link' in part && !(part.link instanceof Uint8Array) ? [part.link] : []))
    if (links.every(link => read.has(linkText(link))) && (base.files !== undefined || isFrontier(base)))
      return { name, base }
  }
  return undefined
}

function isFrontier({ members }: Base): boolean {
  try {
    readFrontier(printJson(new Map(members)), { broken: 'keep' })
    return true
  } catch (error) {
    if (!hasCode(error)) throw error
    return false
  }
}
