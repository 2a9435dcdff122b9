// What a stored log holds of a whole frontier: its events in replay order, the latest base document and the proposals that
// its nodes link (protocol/frontier.md, F19). A link to anything else is left alone.

import { sha256, toHex } from '../bytes.ts'
import { decodeNode } from '../codec/node.ts'
import type { Link } from '../codec/node-form.ts'
import { hasCode } from '../errors.ts'
import { FETCH_LIMITS } from '../limits.ts'
import { checkEvent, type EventHead } from '../vela/event.ts'
import { readFrontier } from '../vela/frontier-file.ts'
import { payloadOf } from '../vela/frontier-payload.ts'
import { printJson } from '../vela/json.ts'
import { Ancestry } from '../vela/replay/ancestry.ts'
import type { Precedes } from '../vela/replay/state.ts'
import { isRestricted } from './carriers.ts'
import type { Frontier } from './frontier.ts'
import { inReplayOrder } from './read.ts'
import { BASE_STARTS, type Base, linkText, readBase } from './whole-document.ts'

export interface LogEvent {
  readonly text: Uint8Array
  readonly head: EventHead
  /** SHA-256 of the text, 64 hex digits. */
  readonly digest: string
  /** Whether it counts in replay: what hubs say of the frontier itself does only by a registered signer. */
  readonly counts: boolean
  /** The nodes that carry it and count, by their places in replay order; absent where nothing is known of nodes. */
  readonly nodes?: readonly number[]
}

export interface WholeLog {
  readonly frontier: string
  readonly events: readonly LogEvent[]
  /** The one that stands last in replay order. */
  readonly base: Base | undefined
  /** By the text of their links, in the order of the nodes that link them. */
  readonly documents: ReadonlyMap<string, Uint8Array>
  /** Ancestry of its nodes, by their places. */
  readonly precedes: Precedes
}

/** Kinds that are of this program and no part of a frontier that others read. */
const OWN_KINDS: ReadonlySet<string> = new Set(['frontier.merged'])

/** The member of a genesis event's payload by which it is no event of the frontier but carries a base document. */
export const CARRIED = 'base_document'

/** Without `standing` every event counts. */
export async function readWholeLog(
  frontier: Frontier,
  standing: (key: Uint8Array) => boolean = () => true,
): Promise<WholeLog> {
  const events: LogEvent[] = []
  const links = new Map<string, Link>()
  const carriers = new Map<string, number[]>()
  const ancestry = new Ancestry()
  const places = new Map<number, number>()
  for await (const rows of inReplayOrder(frontier.log, { reverse: false, twins: 'all' })) {
    for (const { seq, bytes, parents } of rows) {
      const place = ancestry.add(parents.map(parent => places.get(parent)!))
      places.set(seq, place)
      const node = decodeNode(bytes)
      // Nodes that carry an event once more may link what the first one doesn't.
      for (const link of node.links) remember(links, link)
      const digest = toHex(sha256(node.event))
      const others = carriers.get(digest)
      const counting = !isRestricted(node.event) || standing(node.key) ? [place] : []
      carriers.set(digest, [...(others ?? []), ...counting])
      if (others !== undefined) continue
      const head = checkEvent(node.event)
      const event = { text: node.event, head, digest, counts: true }
      if (!isOwn({ kind: head.kind, text: node.event })) events.push(event)
    }
  }
  const judged = events.map(event => {
    const nodes = carriers.get(event.digest)!
    return { ...event, counts: nodes.length > 0, nodes }
  })
  const precedes: Precedes = (a, b) => ancestry.precedes(a, b)
  return { frontier: frontier.log.name, events: judged, precedes, ...(await readDocuments(frontier, links)) }
}

/** The last place that links a document counts. */
function remember(links: Map<string, Link>, link: Link): void {
  const name = linkText(link)
  links.delete(name)
  links.set(name, link)
}

/** Whether an event is this program's own matter: it joins heads, or carries documents that no other node links. */
export function isOwn({ kind, text }: { kind: string; text: Uint8Array }): boolean {
  if (OWN_KINDS.has(kind)) return true
  if (kind !== 'frontier.created') return false
  const payload = payloadOf(text)
  return payload instanceof Map && typeof payload.get(CARRIED) === 'string'
}

async function readDocuments(
  { documents, log }: Frontier,
  links: ReadonlyMap<string, Link>,
): Promise<Pick<WholeLog, 'base' | 'documents'>> {
  const read = new Map<string, Uint8Array>()
  const bases: Uint8Array[] = []
  let room = FETCH_LIMITS.frontierBytesMax * 2
  for (const [name, link] of [...links].reverse()) {
    if (room <= 0) break
    const bytes = await documents.read(link)
    room -= bytes.length
    if (BASE_STARTS.some(start => startsWith(bytes, start))) bases.push(bytes)
    else read.set(name, bytes)
  }
  return { base: firstUsable(bases, { frontier: log.name, read }), documents: new Map([...read].reverse()) }
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).toString('latin1') === text
}

/** Any registered peer may link what looks like a base; one that no frontier can be made of is passed over. */
function firstUsable(
  bases: readonly Uint8Array[],
  { frontier, read }: { frontier: string; read: ReadonlyMap<string, Uint8Array> },
): Base | undefined {
  for (const bytes of bases) {
    const base = readBase(bytes, frontier)
    if (base === undefined) continue
    const parts = [...(base.proposals ?? []), ...(base.files ?? []).map(({ content }) => ({ link: content }))]
    const links = parts.flatMap(part => ('link' in part && !(part.link instanceof Uint8Array) ? [part.link] : []))
    if (links.every(link => read.has(linkText(link))) && (base.files !== undefined || isFrontier(base))) return base
  }
  return undefined
}

function isFrontier({ members }: Base): boolean {
  try {
    readFrontier(printJson(new Map(members)))
    return true
  } catch (error) {
    if (!hasCode(error)) throw error
    return false
  }
}
