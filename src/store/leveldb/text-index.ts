// Which texts of a frontier are not here, as index/ knows it: one key for each such node, by state,
// then by number. The rows of log/ are the truth. A change is marked in log/ until index/ has it
// and a removed text is gone from the files, so that an open finishes what a crash cut short. Spec:
// protocol/store.md, T25 to T27.

import { decodeRow, TEXT_CODE, textStateOf } from '../row.ts'
import type { AbsentState, TextCounts, TextState } from '../store.ts'
import { corruptionError } from '../validate.ts'
import type { CommitWriter } from './commit-writer.ts'
import { Batch } from './database.ts'
import { indexKey, indexRange, NODE, number32, readNumber32, streamKey, tagKey } from './keys.ts'

const ABSENT: readonly AbsentState[] = ['wanted', 'left-out', 'erased', 'void']

/** Puts what index/ knows of a text's state into a batch. */
export function putTextState(batch: Batch, ordinal: number, node: { seq: number; text: TextState }): void {
  if (node.text !== 'here') batch.put(textKey(ordinal, node.text, node.seq), new Uint8Array())
}

function textKey(ordinal: number, state: TextState, seq: number): Buffer {
  return indexKey('t', ordinal, Buffer.of(TEXT_CODE[state]), number32(seq))
}

/** The mark of a change under way: in log/, outside of all streams. */
export function pendingKey(ordinal: number, seq: number): Buffer {
  return tagKey('t', Buffer.concat([number32(ordinal), number32(seq)]))
}

export class TextIndex {
  readonly #writer: CommitWriter
  readonly #ordinal: number
  readonly #name: string
  readonly #counts: Record<AbsentState, number> = { wanted: 0, 'left-out': 0, erased: 0, void: 0 }

  constructor(writer: CommitWriter, { ordinal, name }: { ordinal: number; name: string }) {
    this.#writer = writer
    this.#ordinal = ordinal
    this.#name = name
  }

  /**
   * Counts the states. Finishes changes that a crash cut short, unless the store is open for
   * reading only.
   */
  async load(): Promise<void> {
    for await (const entries of this.#writer.index.entries({ ...indexRange('t', this.#ordinal), keysOnly: true })) {
      for (const [key] of entries) this.#counts[this.#stateIn(key)]++
    }
    const seqs: number[] = []
    const range = { gte: pendingKey(this.#ordinal, 0), lt: pendingKey(this.#ordinal + 1, 0), keysOnly: true }
    for await (const entries of this.#writer.log.entries(range)) {
      for (const [key] of entries) seqs.push(readNumber32(key, 9))
    }
    if (seqs.length > 0 && this.#writer.writable) await this.settle(seqs, seqs)
  }

  counts(nodes: number): TextCounts {
    const { wanted, erased, void: broken } = this.#counts
    const leftOut = this.#counts['left-out']
    return { here: nodes - wanted - leftOut - erased - broken, wanted, 'left-out': leftOut, erased, void: broken }
  }

  /** Takes nodes into account that were committed with these states. */
  add(nodes: readonly { readonly text: TextState }[]): void {
    for (const { text } of nodes) if (text !== 'here') this.#counts[text]++
  }

  async list(state: AbsentState, { after = -1, limit }: { after?: number; limit: number }): Promise<number[]> {
    const seqs: number[] = []
    if (limit <= 0) return seqs
    const code = Buffer.of(TEXT_CODE[state])
    const gte = indexKey('t', this.#ordinal, code, number32(after + 1))
    const { lt } = indexRange('t', this.#ordinal, code)
    for await (const entries of this.#writer.index.entries({ gte, lt, limit, keysOnly: true })) {
      for (const [key] of entries) seqs.push(readNumber32(key, 6))
    }
    return seqs
  }

  /**
   * Brings index/ up to rows that were changed, removes from the files the texts of `removed`, and
   * takes the marks away.
   */
  async settle(seqs: readonly number[], removed: readonly number[]): Promise<void> {
    const { log, index } = this.#writer
    const values = await log.getMany(seqs.map(seq => streamKey(this.#ordinal, seq, NODE)))
    const states = seqs.map((seq, at) => decodeRow(this.#name, seq, values[at]).text)
    const batch = new Batch()
    const marks = new Batch()
    for (const [at, seq] of seqs.entries()) {
      const before = await this.#indexed(seq)
      for (const state of before) {
        batch.delete(textKey(this.#ordinal, state, seq))
        this.#counts[state]--
      }
      putTextState(batch, this.#ordinal, { seq, text: states[at]! })
      this.add([{ text: states[at]! }])
      marks.delete(pendingKey(this.#ordinal, seq))
    }
    await this.#writer.write(index, batch, { sync: true })
    if (removed.length > 0) {
      const bounds = [Math.min(...removed), Math.max(...removed)] as const
      const [first, last] = bounds.map(seq => streamKey(this.#ordinal, seq, NODE))
      await log.purge(first!, last!)
    }
    await this.#writer.write(log, marks, { sync: false })
  }

  async #indexed(seq: number): Promise<AbsentState[]> {
    const values = await this.#writer.index.getMany(ABSENT.map(state => textKey(this.#ordinal, state, seq)))
    return ABSENT.filter((_, at) => values[at] !== undefined)
  }

  #stateIn(key: Uint8Array): AbsentState {
    const state = textStateOf(key[5])
    if (state === undefined || state === 'here') throw corruptionError(`the index of texts of ${this.#name} is damaged`)
    return state
  }
}
