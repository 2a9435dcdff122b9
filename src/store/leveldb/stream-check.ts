// Checks consecutive entries of one stream: commit records have consecutive numbers and contain the
// hash of the previous record; each is followed by its nodes, whose heads hash to the value in the
// record and whose bytes hash to their digests; parents precede children. Both the open and
// `verify` use it. It does not access a database. After a fault it continues at the next commit
// record, so one damaged place is reported once.
// Spec: protocol/store.md, T11 and T17.

import * as crypto from 'node:crypto'
import { type Digest, equals, sha256 } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { type CommitRecord, decodeCommit } from '../commit-record.ts'
import { decodeRow, type StoredRow } from '../row.ts'
import type { Fault } from '../store.ts'
import { COMMIT, type CommitRef } from './keys.ts'

/** The start of a check: before the first commit, or at a commit with a known hash. */
export type CheckStart = { readonly genesis: Digest } | { readonly commit: CommitRef }

/** Options of a check. */
export interface StreamCheckOptions {
  /** The frontier's name; empty for the store's own stream. */
  readonly name: string
  readonly start: CheckStart
  /** Called for each fault. */
  readonly onFault: (fault: Fault) => void
  /** Called for each valid commit record, before its nodes. */
  readonly onCommit?: (commit: CommitRef) => void
}

/** The check of one stream. Call `add` for each entry in key order, then `finish`. */
export class StreamCheck {
  readonly #options: StreamCheckOptions
  /** The latest commit: its number, its first sequence number and the hash of its record. */
  #commit: CommitRef
  /** Hash that the next commit record must have, if the check starts at a known one. */
  #expected: Digest | undefined
  /** The next sequence number. */
  #at: number
  /** Remaining nodes of the commit, the hash over the heads so far, and the hash in the record. */
  #remaining = 0
  #hash = crypto.createHash('sha256')
  #rows: Digest = sha256(new Uint8Array())
  /** True after a fault, until the next commit record. */
  #isSkipping = false
  /** A commit record may be missing, so the link of the next one cannot be checked. */
  #isLinkUnknown = false

  constructor(options: StreamCheckOptions) {
    this.#options = options
    const { start } = options
    if ('genesis' in start) {
      this.#commit = { number: -1, first: 0, link: start.genesis }
      this.#at = 0
    } else {
      this.#commit = { ...start.commit, number: start.commit.number - 1 }
      this.#at = start.commit.first
      this.#expected = start.commit.link
    }
  }

  /** Checks the next entry. Returns the row if it is an undamaged node. */
  add(seq: number, kind: number, value: Uint8Array): StoredRow | undefined {
    if (seq > this.#at) this.#gap(seq)
    if (kind === COMMIT) {
      this.#addCommit(seq, value)
      return undefined
    }
    if (this.#remaining === 0 && !this.#isSkipping) {
      this.#faultAndSkip('commit', seq, 'no commit record covers this node')
      this.#isLinkUnknown = true
    }
    this.#at = seq + 1
    return this.#addRow(seq, value)
  }

  /**
   * Ends the check. Returns the last commit and the next sequence number. An end before `end` or
   * inside a commit is a fault.
   */
  finish(end: number): { commits: number; last: number; link: Digest; end: number } {
    const reached = this.#at
    if (reached < end) this.#gap(end)
    else if (this.#remaining > 0 && !this.#isSkipping) this.#truncatedCommit(reached)
    return { commits: this.#commit.number + 1, last: this.#commit.first, link: this.#commit.link, end: reached }
  }

  #addCommit(seq: number, value: Uint8Array): void {
    if (this.#remaining > 0 && !this.#isSkipping) this.#truncatedCommit(seq)
    const record = decodeCommit(value)
    if (record === undefined) {
      this.#faultAndSkip('commit', seq, 'the commit record is damaged')
      this.#remaining = 0
      this.#isLinkUnknown = true
      return
    }
    const link = sha256(value)
    if (!this.#isLinkUnknown) this.#checkLink(seq, record, link)
    this.#commit = { number: record.number, first: seq, link }
    this.#remaining = record.count
    this.#rows = record.rows
    this.#hash = crypto.createHash('sha256')
    this.#expected = undefined
    this.#isSkipping = false
    this.#isLinkUnknown = false
    if (record.count === 0) this.#at = seq + 1
    this.#options.onCommit?.(this.#commit)
  }

  #checkLink(seq: number, record: CommitRecord, link: Digest): void {
    if (this.#expected !== undefined && !equals(link, this.#expected)) {
      this.#fault('commit', seq, 'the commit record differs from the one that was written')
    } else if (record.number !== this.#commit.number + 1) {
      this.#fault('commit', seq, `found commit ${record.number} instead of ${this.#commit.number + 1}`)
    } else if (this.#expected === undefined && !equals(record.previous, this.#commit.link)) {
      this.#fault('commit', seq, 'the commit record does not contain the hash of the previous one')
    }
  }

  #addRow(seq: number, value: Uint8Array): StoredRow | undefined {
    const row = this.#decode(seq, value)
    if (row?.parents.some(parent => parent >= seq)) this.#fault('node', seq, 'a parent comes after it')
    if (this.#remaining === 0) return row
    this.#remaining--
    if (row !== undefined) this.#hash.update(row.head)
    if (this.#remaining === 0 && !this.#isSkipping && !equals(this.#hash.digest(), this.#rows)) {
      this.#fault('commit', this.#commit.first, 'the nodes differ from those that were committed')
    }
    return row
  }

  #decode(seq: number, value: Uint8Array): StoredRow | undefined {
    try {
      return decodeRow(this.#options.name, seq, value)
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
      this.#faultAndSkip('node', seq, error.message)
      return undefined
    }
  }

  /** Handles missing entries before `seq`. */
  #gap(seq: number): void {
    const count = seq - this.#at
    const more = count === 1 ? '' : ` and ${count - 1} more after it`
    if (this.#remaining > 0) this.#faultAndSkip('node', this.#at, `it is missing${more}`)
    else this.#faultAndSkip('commit', this.#at, `a commit is missing here${more}`)
    // If the gap is longer than the rest of the commit, it contains at least one commit record.
    if (count > this.#remaining) this.#isLinkUnknown = true
    this.#remaining = Math.max(0, this.#remaining - count)
    this.#at = seq
  }

  #truncatedCommit(seq: number): void {
    this.#faultAndSkip('commit', seq, 'a commit has fewer nodes than its record states')
    this.#remaining = 0
  }

  #faultAndSkip(kind: Fault['kind'], seq: number, reason: string): void {
    this.#fault(kind, seq, reason)
    this.#isSkipping = true
  }

  #fault(kind: Fault['kind'], seq: number, reason: string): void {
    const { name, onFault } = this.#options
    onFault({ kind, ...(name === '' ? {} : { frontier: name }), seq, reason })
  }
}
