// Which texts of a frontier this replica keeps: a choice of its operator, kept as a record of the
// store. `all` keeps every text and asks peers for those that are not here. `none` makes a
// skeleton: it keeps headers, the texts of nodes made here, and texts that were fetched by name. A
// filter keeps the texts of matching events besides those.
// Spec: protocol/text.md, X3, X4, X9 and X24.

import { type Digest, DigestSet, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { isTextFilter, type KeptTexts } from '../base/text-filter.ts'
import { eventMatcher } from '../event/event-filter.ts'
import type { Records } from '../store/store.ts'
import type { Candidate } from './candidate.ts'
import { isErasure } from './erasure-event.ts'
import { TextPins } from './text-pins.ts'

export type { KeptTexts }

export class TextPolicy {
  readonly #records: Records
  readonly #frontier: string
  #keeps: KeptTexts
  /** Nodes whose texts an operator fetches now: the filter does not decide about them. */
  readonly fetched = new DigestSet()
  /** Whether an operator fetches the texts of all nodes now. */
  fetchesAll = false
  /** Whether the text of an event is kept. */
  #matches: (text: Uint8Array) => boolean

  /** Texts that stay under every policy. */
  readonly pins: TextPins

  private constructor(
    records: Records,
    { frontier, keeps, pins }: { frontier: string; keeps: KeptTexts; pins: TextPins },
  ) {
    this.#records = records
    this.#frontier = frontier
    this.pins = pins
    this.#keeps = keeps
    this.#matches = matcherOf(keeps)
  }

  /** @throws ReplicaError ERR_STORE_CORRUPT */
  static async load(records: Records, frontier: string): Promise<TextPolicy> {
    const value = await records.get(recordKey(frontier))
    const keeps = value === undefined ? 'all' : readKept(Buffer.from(value).toString('utf8'))
    const pins = await TextPins.load(records, frontier)
    if (keeps !== undefined) return new TextPolicy(records, { frontier, keeps, pins })
    throw new ReplicaError('ERR_STORE_CORRUPT', `the record of the kept texts of ${frontier} is damaged`)
  }

  /** Reads the record again: another process changed it. @throws ReplicaError ERR_STORE_CORRUPT */
  async reload(): Promise<void> {
    const { keeps } = await TextPolicy.load(this.#records, this.#frontier)
    this.#take(keeps)
  }

  get keeps(): KeptTexts {
    return this.#keeps
  }

  /**
   * Sets the policy, durably. It decides about nodes that are admitted later.
   * @throws ReplicaError ERR_USAGE for a malformed filter, ERR_INSTANT
   */
  async set(keeps: KeptTexts): Promise<void> {
    if (typeof keeps !== 'string' && !isTextFilter(keeps)) {
      throw new ReplicaError('ERR_USAGE', 'a filter has a time, or 1 to 64 kinds or targets')
    }
    matcherOf(keeps)
    const value = keeps === 'all' ? undefined : utf8(keeps === 'none' ? keeps : JSON.stringify(keeps))
    await this.#records.write([{ key: recordKey(this.#frontier), value }])
    this.#take(keeps)
  }

  /**
   * Returns the node as it is stored: without its text if this replica does not keep it. The text
   * of a node that this process made stays, because no other replica has it yet. The text of an
   * erasure stays, because it says what is erased.
   */
  apply(candidate: Candidate): Candidate {
    const { text, bytes, headerBytes, isOwn } = candidate
    if (this.#keeps === 'all' || isOwn === true || text === 'void' || text === 'erased') return candidate
    const event = bytes.subarray(headerBytes)
    if (text === 'here' && (isErasure(event) || this.#matches(event))) return candidate
    // Without the text, only a source that has it can tell that it does not match.
    if (text === 'wanted' && this.#keeps !== 'none' && candidate.isTextAside !== true) return candidate
    return { ...candidate, bytes: bytes.subarray(0, headerBytes), text: 'left-out' }
  }

  /** Whether the wanted text of a node stays when it arrives. */
  keepsWanted(digest: Digest, text: Uint8Array): boolean {
    const isAsked =
      typeof this.#keeps === 'string' || this.fetchesAll || this.pins.has(digest) || this.fetched.has(digest)
    return isAsked || isErasure(text) || this.#matches(text)
  }

  #take(keeps: KeptTexts): void {
    this.#keeps = keeps
    this.#matches = matcherOf(keeps)
  }
}

function matcherOf(keeps: KeptTexts): (text: Uint8Array) => boolean {
  return typeof keeps === 'string' ? () => keeps === 'all' : eventMatcher(keeps)
}

function readKept(text: string): KeptTexts | undefined {
  if (text === 'none') return text
  try {
    const value: unknown = JSON.parse(text)
    return isTextFilter(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function recordKey(frontier: string): string {
  return `texts/${frontier}`
}
