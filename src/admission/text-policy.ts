// Which texts of a frontier this replica keeps: a choice of its operator, kept as a record of the
// store. `all` keeps every text and asks peers for those that are not here. `none` makes a
// skeleton: it keeps headers, the texts of nodes made here, and texts that were fetched by name.
// Spec: protocol/text.md, X3, X4 and X9.

import { utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import type { Records } from '../store/store.ts'
import type { Candidate } from './candidate.ts'
import { isErasure } from './erasure-event.ts'

/** The texts that a replica keeps. */
export type KeptTexts = 'all' | 'none'

export class TextPolicy {
  readonly #records: Records
  readonly #frontier: string
  #keeps: KeptTexts

  private constructor(records: Records, { frontier, keeps }: { frontier: string; keeps: KeptTexts }) {
    this.#records = records
    this.#frontier = frontier
    this.#keeps = keeps
  }

  /** @throws ReplicaError ERR_STORE_CORRUPT */
  static async load(records: Records, frontier: string): Promise<TextPolicy> {
    const value = await records.get(recordKey(frontier))
    const keeps = value === undefined ? 'all' : Buffer.from(value).toString('latin1')
    if (keeps === 'all' || keeps === 'none') return new TextPolicy(records, { frontier, keeps })
    throw new ReplicaError('ERR_STORE_CORRUPT', `the record of the kept texts of ${frontier} is damaged`)
  }

  /** Reads the record again: another process changed it. @throws ReplicaError ERR_STORE_CORRUPT */
  async reload(): Promise<void> {
    const { keeps } = await TextPolicy.load(this.#records, this.#frontier)
    this.#keeps = keeps
  }

  get keeps(): KeptTexts {
    return this.#keeps
  }

  /** Sets the policy, durably. It decides about nodes that are admitted later. */
  async set(keeps: KeptTexts): Promise<void> {
    const value = keeps === 'all' ? undefined : utf8(keeps)
    await this.#records.write([{ key: recordKey(this.#frontier), value }])
    this.#keeps = keeps
  }

  /**
   * Returns the node as it is stored: without its text if this replica does not keep it. The text
   * of a node that this process made stays, because no other replica has it yet. The text of an
   * erasure stays, because it says what is erased.
   */
  apply(candidate: Candidate): Candidate {
    const { text, bytes, headerBytes, isOwn } = candidate
    if (this.#keeps === 'all' || isOwn === true || text === 'void' || text === 'erased') return candidate
    if (text === 'here' && isErasure(bytes.subarray(headerBytes))) return candidate
    return { ...candidate, bytes: bytes.subarray(0, headerBytes), text: 'left-out' }
  }
}

function recordKey(frontier: string): string {
  return `texts/${frontier}`
}
