// Checks a stretch of one stream, entry by entry: commit records numbered without a gap and each naming the hash of the
// one before; behind each the nodes it counts, whose heads hash to what it says and whose bytes hash to their digest;
// parents before children. The open and verify both use it. It touches no database, and after a fault it takes up
// again at the next commit record, so that one damaged place is reported once.

import * as crypto from 'node:crypto'
import { type Digest, equals, sha256 } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import type { Fault } from '../store.ts'
import { COMMIT, type CommitRecord, type CommitRef, decodeCommit, decodeRow, type StoredRow } from './keys.ts'

/** Where a check begins: before the first commit, or at a commit whose hash is known. */
export type Beginning = { readonly genesis: Digest } | { readonly commit: CommitRef }

export interface StreamCheckOptions {
  /** The frontier's name; empty for the store's own stream. */
  readonly name: string
  readonly beginning: Beginning
  readonly onFault: (fault: Fault) => void
  /** Called for each commit record, before its nodes. */
  readonly onCommit?: (commit: CommitRef) => void
}

export class StreamCheck {
  readonly #options: StreamCheckOptions
  /** The latest commit: its number, its first sequence number and the hash of its record. */
  #commit: CommitRef
  /** Hash that the next commit record must have, where the check begins at a known one. */
  #expected: Digest | undefined
  /** The next sequence number. */
  #at: number
  /** Nodes of the commit that are still to come, and the hash over those that came. */
  #remaining = 0
  #hash = crypto.createHash('sha256')
  #rows: Digest = sha256(new Uint8Array())
  /** After a fault, until the next commit record. */
  #lost = false
  /** A commit record may be missing, so nothing can be said about what the next one follows from. */
  #unlinked = false

  constructor(options: StreamCheckOptions) {
    this.#options = options
    const { beginning } = options
    if ('genesis' in beginning) {
      this.#commit = { number: -1, first: 0, link: beginning.genesis }
      this.#at = 0
    } else {
      this.#commit = { ...beginning.commit, number: beginning.commit.number - 1 }
      this.#at = beginning.commit.first
      this.#expected = beginning.commit.link
    }
  }

  /** Takes the next entry; answers its row when it is an undamaged node. Entries come in key order. */
  take(seq: number, kind: number, value: Uint8Array): StoredRow | undefined {
    if (seq > this.#at) this.#gap(seq)
    if (kind === COMMIT) {
      this.#take(seq, value)
      return undefined
    }
    if (this.#remaining === 0 && !this.#lost) {
      this.#lose('commit', seq, 'no commit record covers this node')
      this.#unlinked = true
    }
    this.#at = seq + 1
    return this.#row(seq, value)
  }

  /** The last commit and the next sequence number. A stream that ends before `end` or inside of a commit is a fault. */
  finish(end: number): { commits: number; last: number; link: Digest; end: number } {
    const reached = this.#at
    if (reached < end) this.#gap(end)
    else if (this.#remaining > 0 && !this.#lost) this.#cut(reached)
    return { commits: this.#commit.number + 1, last: this.#commit.first, link: this.#commit.link, end: reached }
  }

  #take(seq: number, value: Uint8Array): void {
    if (this.#remaining > 0 && !this.#lost) this.#cut(seq)
    const record = decodeCommit(value)
    if (record === undefined) {
      this.#lose('commit', seq, 'the commit record is damaged')
      this.#remaining = 0
      this.#unlinked = true
      return
    }
    const link = sha256(value)
    if (!this.#unlinked) this.#follow(seq, record, link)
    this.#commit = { number: record.number, first: seq, link }
    this.#remaining = record.count
    this.#rows = record.rows
    this.#hash = crypto.createHash('sha256')
    this.#expected = undefined
    this.#lost = false
    this.#unlinked = false
    if (record.count === 0) this.#at = seq + 1
    this.#options.onCommit?.(this.#commit)
  }

  #follow(seq: number, record: CommitRecord, link: Digest): void {
    if (this.#expected !== undefined && !equals(link, this.#expected)) {
      this.#fault('commit', seq, 'the commit record is not the one that was written')
    } else if (record.number !== this.#commit.number + 1) {
      this.#fault('commit', seq, `commit ${record.number} comes where ${this.#commit.number + 1} should`)
    } else if (this.#expected === undefined && !equals(record.previous, this.#commit.link)) {
      this.#fault('commit', seq, 'the commit record does not follow from the one before')
    }
  }

  #row(seq: number, value: Uint8Array): StoredRow | undefined {
    const row = this.#decode(seq, value)
    if (row?.parents.some(parent => parent >= seq)) this.#fault('node', seq, 'a parent comes after it')
    if (this.#remaining === 0) return row
    this.#remaining--
    if (row !== undefined) this.#hash.update(row.head)
    if (this.#remaining === 0 && !this.#lost && !equals(this.#hash.digest(), this.#rows)) {
      this.#fault('commit', this.#commit.first, 'the nodes are not those that were committed')
    }
    return row
  }

  #decode(seq: number, value: Uint8Array): StoredRow | undefined {
    try {
      return decodeRow(this.#options.name, seq, value)
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
      this.#lose('node', seq, error.message)
      return undefined
    }
  }

  /** Entries from where the check is to before `seq` are missing. */
  #gap(seq: number): void {
    const count = seq - this.#at
    const more = count === 1 ? '' : ` and ${count - 1} more behind it`
    if (this.#remaining > 0) this.#lose('node', this.#at, `it is missing${more}`)
    else this.#lose('commit', this.#at, `a commit is missing here${more}`)
    // A gap that ends where the commit does leaves the next record in place; a longer one has swallowed some.
    if (count > this.#remaining) this.#unlinked = true
    this.#remaining = Math.max(0, this.#remaining - count)
    this.#at = seq
  }

  #cut(seq: number): void {
    this.#lose('commit', seq, 'a commit is shorter than its record says')
    this.#remaining = 0
  }

  #lose(kind: Fault['kind'], seq: number, reason: string): void {
    this.#fault(kind, seq, reason)
    this.#lost = true
  }

  #fault(kind: Fault['kind'], seq: number, reason: string): void {
    const { name, onFault } = this.#options
    onFault({ kind, ...(name === '' ? {} : { frontier: name }), seq, reason })
  }
}
