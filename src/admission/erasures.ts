// Erasures of a frontier: which texts no replica keeps, and which texts this replica deleted for
// itself. An erasure is a node like any other; the records of the store list the admitted ones, in
// the commit of their nodes, so that an open need not read the log.
//
// An erasure has a level. It is 0 until its effect on stored and held nodes is durable, 1 when the
// nodes of its own key are done, 2 when all carriers are done because its key is the owner's. An
// erasure below its level is applied at the next use: after a crash, and when the registry shows
// that its key belongs to the owner.
// Spec: protocol/text.md, X10 to X17.

import { concat, type Digest, DigestMap, equals, fromHex, toHex } from '../base/bytes.ts'
import { hasCode } from '../base/errors.ts'
import { COMMIT_LIMITS } from '../base/limits.ts'
import { decodeNode, type Node } from '../node/node.ts'
import type {
  FrontierStore,
  HeldStore,
  NodeEntry,
  NodeRow,
  RecordChange,
  Records,
  TextChange,
  TextState,
} from '../store/store.ts'
import { type ErasedText, isErasure, readErasure } from './erasure-event.ts'
import { founderKey, ownerKeys } from './founder.ts'
import type { Registry } from './registry.ts'

/** An admitted erasure. */
export interface Erasure extends ErasedText {
  /** Digest of its node. */
  readonly digest: Digest
  /** Key that signed its node, 32 bytes. */
  readonly key: Uint8Array
}

/** The members of a node that decide whether an erasure covers it. */
export interface ErasableNode {
  readonly label: Uint8Array
  readonly event: Digest
  readonly key: Uint8Array
}

/** Parts of the erasures. */
export interface ErasureParts {
  readonly log: FrontierStore
  readonly held: HeldStore
  readonly records: Records
  readonly registry: Registry
  /** Called after texts were taken out. Must not throw. */
  readonly onTexts: () => void
}

type Level = 0 | 1 | 2

interface Entry extends ErasedText {
  readonly name: string
  /** Undefined for a text that this replica deletes for itself. */
  readonly by: Erasure | undefined
  level: Level
}

const PAGE = 256
/** Rows read at a time, because each has a text of up to 1 MiB. */
const ROWS = 16

/** The erasures of one frontier. Calls that change something run inside the mutex of the gate. */
export class Erasures {
  readonly #parts: ErasureParts
  #byEvent = new DigestMap<Entry[]>()
  /** Entries whose level may be too low. */
  readonly #due = new Set<Entry>()
  #owner: ReadonlySet<string> = new Set()
  #founder: string | undefined
  #isLoaded = false

  constructor(parts: ErasureParts) {
    this.#parts = parts
  }

  /** Reads the records. @throws ReplicaError ERR_STORE_CORRUPT */
  async load(): Promise<void> {
    if (this.#isLoaded) return
    this.#byEvent = new DigestMap()
    this.#due.clear()
    const prefix = `erasure/${this.#parts.log.name}/`
    let after: string | undefined
    for (;;) {
      const options = after === undefined ? { limit: PAGE } : { after, limit: PAGE }
      const page = await this.#parts.records.list(prefix, options)
      for (const { key, value } of page) this.#add(decodeEntry(key.slice(prefix.length), value))
      after = page.at(-1)?.key
      if (after === undefined) break
    }
    await this.#refreshOwner()
    this.#isLoaded = true
  }

  /** Reads the records again before the next use: another process changed them. */
  invalidate(): void {
    this.#isLoaded = false
  }

  /** Returns the erasures that cover a node, oldest record first. */
  covering(node: ErasableNode): Erasure[] {
    return this.#entriesOf(node).flatMap(({ by }) => (by !== undefined && this.#covers(by, node) ? [by] : []))
  }

  /** Returns the state that erasures give the text of a node; undefined if none covers it. */
  stateFor(node: ErasableNode): 'erased' | 'left-out' | undefined {
    const entries = this.#entriesOf(node)
    if (entries.some(({ by }) => by !== undefined && this.#covers(by, node))) return 'erased'
    return entries.some(({ by }) => by === undefined) ? 'left-out' : undefined
  }

  /** Returns whether an erasure by this key covers the nodes of all keys. */
  isOwner(key: Uint8Array): boolean {
    return this.#owner.has(toHex(key))
  }

  /**
   * Takes the erasures among nodes that are about to be committed into account. Returns them and
   * the records for the commit. If it fails, call `forget`.
   */
  note(nodes: readonly (NodeEntry & ErasableNode)[]): { found: readonly Digest[]; records: RecordChange[] } {
    const entries = nodes.flatMap(({ digest, key, text, bytes, headerBytes }): Entry[] => {
      const erased = text === 'here' ? readErasure(bytes.subarray(headerBytes)) : undefined
      return erased === undefined ? [] : [entryOf({ ...erased, digest, key })]
    })
    for (const entry of entries) this.#add(entry)
    return { found: entries.map(({ by }) => by!.digest), records: entries.map(entry => this.#recordOf(entry)) }
  }

  /** Undoes `note`. */
  forget(found: readonly Digest[]): void {
    for (const [event, entries] of this.#byEvent) {
      const kept = entries.filter(({ by }) => by === undefined || !found.some(digest => equals(digest, by.digest)))
      if (kept.length === entries.length) continue
      for (const entry of entries) if (!kept.includes(entry)) this.#due.delete(entry)
      if (kept.length === 0) this.#byEvent.delete(event)
      else this.#byEvent.set(event, kept)
    }
  }

  /** Returns the node to commit or hold: without its text if erasures cover it. */
  strip<N extends NodeEntry & ErasableNode>(node: N): N {
    const state = this.stateFor(node)
    const { bytes, headerBytes, text } = node
    if (state === undefined || (text === 'here' && isErasure(bytes.subarray(headerBytes)))) return node
    return { ...node, text: state, bytes: bytes.subarray(0, headerBytes) }
  }

  /** Deletes a text here only, durably, from all nodes; also from those that arrive later. */
  async leaveOut(text: ErasedText): Promise<void> {
    const name = `local-${toHex(text.event)}`
    if (this.#entriesOf(text).some(entry => entry.name === name)) return
    const entry: Entry = { ...text, name, by: undefined, level: 0 }
    await this.#parts.records.write([this.#recordOf(entry)])
    this.#add(entry)
    await this.settle()
  }

  /** Applies the erasures that are not applied completely, to stored and held nodes. */
  async settle(): Promise<void> {
    if (this.#byEvent.size === 0) return
    await this.#refreshOwner()
    const done: Entry[] = []
    const changes: TextChange[] = []
    for (const entry of this.#due) {
      const found = await this.#changesOf(entry)
      if (found === undefined) continue
      done.push(entry)
      changes.push(...found)
    }
    if (done.length === 0) return
    await this.#takeOut(changes)
    await this.#purgeHeld()
    for (let from = 0; from < done.length; from += PAGE) {
      const some = done.slice(from, from + PAGE)
      await this.#parts.records.write(some.map(entry => this.#recordOf(entry, this.#levelOf(entry))))
    }
    for (const entry of done) {
      entry.level = this.#levelOf(entry)
      this.#due.delete(entry)
    }
  }

  /** Takes texts out of stored nodes. */
  async #takeOut(changes: readonly TextChange[]): Promise<void> {
    const unique = [...new Map(changes.map(change => [change.seq, change])).values()]
    for (let from = 0; from < unique.length; from += COMMIT_LIMITS.nodesMax) {
      await this.#parts.log.setTexts(unique.slice(from, from + COMMIT_LIMITS.nodesMax))
      this.#parts.onTexts()
    }
  }

  /**
   * Returns how an erasure changes stored nodes; undefined if one that may carry the text is
   * damaged. Such an erasure stays unfinished, and does not prevent the admission of nodes.
   */
  async #changesOf({ label }: Entry): Promise<TextChange[] | undefined> {
    const { log } = this.#parts
    const seqs = await log.findByLabel(label)
    const changes: TextChange[] = []
    for (let from = 0; from < seqs.length; from += ROWS) {
      const rows = await this.#readIfSound(seqs.slice(from, from + ROWS))
      if (rows === undefined) return undefined
      changes.push(...rows.flatMap(row => this.#changeOf(row) ?? []))
    }
    return changes
  }

  async #readIfSound(seqs: readonly number[]): Promise<NodeRow[] | undefined> {
    try {
      return await this.#parts.log.read(seqs)
    } catch (error) {
      if (hasCode(error, 'ERR_STORE_CORRUPT')) return undefined
      throw error
    }
  }

  #changeOf({ seq, bytes, text: before }: NodeRow): TextChange | undefined {
    const node = decodeNode(bytes)
    const state = this.stateFor(node)
    const isDone = state === undefined || state === before || (state === 'left-out' && !isOpen(before))
    if (isDone || keepsText(node)) return undefined
    return { seq, state }
  }

  /** Takes the texts out of held nodes, and out of the files of those that were held before. */
  async #purgeHeld(): Promise<void> {
    const { held, log } = this.#parts
    const covered: Digest[] = []
    let after: Digest | undefined
    while (held.usage(log.name).nodes > 0) {
      const rows = await held.list(log.name, after === undefined ? { limit: PAGE } : { after, limit: PAGE })
      for (const { digest, bytes, event } of rows) {
        if (!this.#byEvent.has(event)) continue
        const node = decodeNode(bytes)
        if (this.stateFor(node) !== undefined && !keepsText(node)) covered.push(digest)
      }
      after = rows.at(-1)?.digest
      if (after === undefined) break
    }
    await held.purge(log.name, covered)
  }

  /** A key that becomes the owner's raises the level of its erasures. */
  async #refreshOwner(): Promise<void> {
    const { log, registry } = this.#parts
    this.#founder ??= await founderKey(log)
    const owner = this.#founder === undefined ? new Set<string>() : ownerKeys(this.#founder, registry)
    const isKnown = owner.size === this.#owner.size && [...owner].every(key => this.#owner.has(key))
    if (isKnown) return
    this.#owner = owner
    for (const entries of this.#byEvent.values()) for (const entry of entries) this.#queue(entry)
  }

  #covers(by: Erasure, node: ErasableNode): boolean {
    return equals(by.key, node.key) || this.isOwner(by.key)
  }

  #entriesOf({ label, event }: ErasedText): Entry[] {
    return (this.#byEvent.get(event) ?? []).filter(entry => equals(entry.label, label))
  }

  #add(entry: Entry): void {
    const entries = this.#byEvent.get(entry.event)
    if (entries === undefined) this.#byEvent.set(entry.event, [entry])
    else entries.push(entry)
    this.#queue(entry)
  }

  #queue(entry: Entry): void {
    if (entry.level < this.#levelOf(entry)) this.#due.add(entry)
  }

  #levelOf({ by }: Entry): Level {
    return by !== undefined && this.isOwner(by.key) ? 2 : 1
  }

  #recordOf(entry: Entry, level: Level = entry.level): RecordChange {
    const { name, label, event, by } = entry
    const value = concat([Uint8Array.of(level), label, event, by?.key ?? new Uint8Array()])
    return { key: `erasure/${this.#parts.log.name}/${name}`, value }
  }
}

/** Whether a text is here, or may come. */
function isOpen(text: TextState): boolean {
  return text === 'here' || text === 'wanted'
}

/** The text of an erasure stays: without it, a replica could not tell what is erased. */
function keepsText({ text }: Node): boolean {
  return text !== undefined && isErasure(text)
}

function entryOf(by: Erasure): Entry {
  const { label, event, digest } = by
  return { label, event, name: toHex(digest), by, level: 0 }
}

/** Reads a record; the store has checked that it is whole. */
function decodeEntry(name: string, value: Uint8Array): Entry {
  const copy = Uint8Array.from(value)
  const text = { label: copy.subarray(1, 9), event: copy.subarray(9, 41) }
  const level = copy[0] as Level
  const digest = fromHex(name)
  if (digest === undefined) return { ...text, name, by: undefined, level }
  return { ...text, name, by: { ...text, digest, key: copy.subarray(41) }, level }
}
