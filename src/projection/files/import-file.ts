// Imports a whole frontier: its events as a log, everything else as documents that nodes link. The
// node of an event links the proposals that it names; the first new node links the base document.
// If all events are known already, a genesis event of its own carries the links. A second import
// adds nothing. Spec: protocol/frontier.md, F16 to F19.

import { founderKeys } from '../../admission/founder.ts'
import { type HashedBlock, toHex } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { COMMIT_LIMITS, NODE_LIMITS } from '../../base/limits.ts'
import { PACKAGE_VERSION } from '../../base/version.ts'
import { type CheckedEvent, makeEvent } from '../../event/event.ts'
import { parseInstant } from '../../json/instant.ts'
import { chunkDocument } from '../../node/document-chunks.ts'
import { decodeNode } from '../../node/node.ts'
import type { DocumentLink } from '../../node/schema.ts'
import type { Frontier } from '../../replica/frontier.ts'
import { dryRunImport } from '../../replica/import/dry-run.ts'
import { type Attachments, importLog } from '../../replica/import/import-events.ts'
import type { ImportOptions, ImportReport } from '../../replica/import/import-reader.ts'
import type { Author } from '../../replica/node-builder.ts'
import { type PreparedEvent, prepareEvent } from '../../replica/node-builder.ts'
import { contextOf, type Replica } from '../../replica/replica.ts'
import type { ReplicaContext } from '../../replica/replica-context.ts'
import { linkText } from './base-document.ts'
import { CARRIED, readLogContents } from './log-events.ts'
import type { Document, SplitFrontier } from './split.ts'

/** Bytes of a batch of documents, which has one sync. */
const BATCH_BYTES = COMMIT_LIMITS.bytesMax / 2

/** Result of importing a whole frontier. */
export interface FrontierImportReport extends ImportReport {
  /** CID of the base document: everything of the frontier that is not an event. */
  readonly base: string
  /** Whether it was linked already: by this replica if it owns the frontier, else by any. */
  readonly baseKnown: boolean
  /** Whether it is the authoritative one now. If the owner has one, no other is. */
  readonly baseCounts: boolean
  /** Newly linked documents, the base document included. */
  readonly documents: number
}

/**
 * Imports a whole frontier, as `splitFrontier` and `splitRepository` return it.
 * @throws ReplicaError ERR_FRONTIER_ID, ERR_DOCUMENT over 128 MiB, ERR_ABORTED
 */
export async function importFrontier(
  replica: Replica,
  { frontier: name, parts }: { frontier: string; parts: SplitFrontier },
  options: ImportOptions = {},
): Promise<FrontierImportReport> {
  const context = contextOf(replica)
  const refused = await refusedImport(context, { frontier: name, parts }, options)
  if (refused !== undefined) return refused
  const frontier = await context.openFrontier(name)
  const report = await frontier.exclusive(() => importParts({ frontier, author: context, parts }, options))
  context.checkHeads(name)
  return report
}

/** Checks a strict import into a new frontier, so that a refused one creates nothing. */
async function refusedImport(
  context: ReplicaContext,
  { frontier: name, parts }: { frontier: string; parts: SplitFrontier },
  options: ImportOptions,
): Promise<FrontierImportReport | undefined> {
  if (context.frontiers.has(name)) return undefined
  const base = linkText(parts.base(name).link)
  if (options.strict !== true) return undefined
  const frontier = await context.inMemoryFrontier(name)
  const report = await dryRunImport({ frontier, author: context, log: () => parts.events }, options)
  if (report.refusedCount === 0) return undefined
  return { ...report, base, baseKnown: false, baseCounts: false, documents: 0 }
}

async function importParts(
  { frontier, author, parts }: { frontier: Frontier; author: Author; parts: SplitFrontier },
  options: ImportOptions,
): Promise<FrontierImportReport> {
  const base = parts.base(frontier.log.name)
  const name = linkText(base.link)
  const owner = await founderKeys(frontier)
  const isOwn = owner.size === 0 || owner.has(author.key.publicKey)
  const known = await linkedIn(frontier, owner)
  const baseKnown = (isOwn ? known.byOwner : known.byAny).has(name)
  const attachments = new DocumentAttachments({ frontier, base, baseKnown, parts, known: known.byAny })
  const report = await importLog({ frontier, author, log: () => parts.events, attachments }, options)
  const isNew = isOwn && !baseKnown && attachments.linked > 0
  const baseCounts = isNew || (await readLogContents(frontier)).bases.some(one => one.document === name && one.counts)
  return { ...report, base: name, baseKnown, baseCounts, documents: attachments.linked }
}

interface LinkedDocuments {
  readonly byAny: ReadonlySet<string>
  /** Linked by the owner: only these represent the frontier. */
  readonly byOwner: ReadonlySet<string>
}

/** Returns the documents that nodes of the log link. */
async function linkedIn({ log }: Frontier, owner: ReadonlySet<string>): Promise<LinkedDocuments> {
  const byAny = new Set<string>()
  const byOwner = new Set<string>()
  for await (const rows of log.scan({ from: 0, to: log.nodes })) {
    for (const { bytes } of rows) {
      const { links, key } = decodeNode(bytes)
      const names = links.map(linkText)
      for (const name of names) byAny.add(name)
      if (owner.has(toHex(key))) for (const name of names) byOwner.add(name)
    }
  }
  return { byAny, byOwner }
}

class DocumentAttachments implements Attachments {
  linked = 0
  readonly #frontier: Frontier
  readonly #base: Document
  readonly #parts: SplitFrontier
  /** Documents that no node links yet, by the text of the link; the base first. */
  readonly #open = new Map<string, Document>()

  constructor(parts: {
    frontier: Frontier
    base: Document
    baseKnown: boolean
    parts: SplitFrontier
    known: ReadonlySet<string>
  }) {
    this.#frontier = parts.frontier
    this.#base = parts.base
    this.#parts = parts.parts
    if (parts.baseKnown) return
    this.#open.set(linkText(parts.base.link), parts.base)
    for (const document of [...parts.parts.proposals.values()].flat()) {
      const name = linkText(document.link)
      if (!parts.known.has(name)) this.#open.set(name, document)
    }
  }

  /** Documents are durable before a node links them. */
  async begin(): Promise<void> {
    const { gate } = this.#frontier
    let batch: HashedBlock[] = []
    let size = 0
    for (const { bytes } of this.#open.values()) {
      // Chunks before their list, as `chunkDocument` returns them.
      for (const block of chunkDocument(bytes).blocks) {
        batch.push(block)
        size += block.bytes.length
        if (size < BATCH_BYTES) continue
        await gate.storeDocuments(batch)
        batch = []
        size = 0
      }
    }
    if (batch.length > 0) await gate.storeDocuments(batch)
  }

  linksOf(event: PreparedEvent): DocumentLink[] {
    const wanted = [this.#base, ...(this.#parts.proposals.get(toHex(event.digest)) ?? [])]
    const open = wanted.filter(({ link }) => this.#open.has(linkText(link)))
    return open.slice(0, NODE_LIMITS.linksMax).map(({ link }) => link)
  }

  made(links: readonly DocumentLink[]): void {
    for (const link of links) this.#open.delete(linkText(link))
    this.linked += links.length
  }

  /** Yields events that carry the remaining links, as many per node as fit. */
  *rest(): Generator<PreparedEvent> {
    for (let part = 1; this.#open.size > 0; part++) {
      const documents = [...this.#open.values()].slice(0, NODE_LIMITS.linksMax)
      yield prepareEvent(
        this.#carrier(part),
        documents.map(({ link }) => link),
      )
    }
  }

  /** Depends on the base only, so that two hubs that import the same make the same event. */
  #carrier(part: number): CheckedEvent {
    const { log } = this.#frontier
    const creator = `replica/${PACKAGE_VERSION}`
    const payload = { name: log.name, creator, [CARRIED]: linkText(this.#base.link), part }
    const timestamp = instantOr(this.#parts.compiledAt, '1970-01-01T00:00:00Z')
    return makeEvent({
      kind: 'frontier.created',
      target: { type: 'frontier', id: log.name },
      actor: { id: creator, type: 'frontier' },
      timestamp,
      reason: 'frontier compiled',
      payload,
    })
  }
}

function instantOr(text: string | undefined, other: string): string {
  try {
    if (text !== undefined) parseInstant(text)
    return text ?? other
  } catch (error) {
    if (!hasCode(error, 'ERR_INSTANT')) throw error
    return other
  }
}
