// What one call of the gate did, node by node. Lists are bounded; counts are whole.

import { type Digest, DigestMap, DigestSet } from '../base/bytes.ts'
import type { ErrorCode } from '../base/errors.ts'
import { DOCUMENT_LIMITS } from '../base/limits.ts'
import type { Wait } from '../store/store.ts'

export interface HeldNodeRef {
  readonly digest: Digest
  /** The key that signed it. */
  readonly key: Uint8Array
  readonly wait: Wait
}

export interface AdmitReport {
  /** Nodes stored now that were not, whether they came in this call or had been held. */
  readonly admitted: number
  /** Nodes of this call that were stored before, or came twice in it. */
  readonly known: number
  /** Nodes kept aside by this call, or that wait for something else than before. */
  readonly held: readonly HeldNodeRef[]
  /** Nodes that had been held and are not any more: admitted or refused. */
  readonly released: readonly Digest[]
  readonly refused: readonly { readonly digest: Digest; readonly code: ErrorCode }[]
  /** Blocks of documents that nodes looked at in this call lack, at most 4,096: what to ask for. */
  readonly documents: readonly Digest[]
  /** Blocks of documents stored by this call. */
  readonly supplied: number
  /** Blocks handed over as documents that no held node waits for, or too large for one: not stored. */
  readonly unsolicited: number
  /** Entries left out of the three lists, each of which has at most 65,536. */
  readonly unlisted: number
  /** Sequence number of the first node admitted. */
  readonly firstSeq: number | undefined
}

const LISTED_MAX = 65_536

/** A report in the making. */
export class AdmissionCounter {
  known = 0
  supplied = 0
  unsolicited = 0
  #admitted = 0
  #firstSeq: number | undefined
  #unlisted = 0
  readonly #held = new DigestMap<HeldNodeRef>()
  readonly #documents = new DigestSet()
  readonly #released: Digest[] = []
  readonly #refused: { digest: Digest; code: ErrorCode }[] = []

  admit(nodes: number, firstSeq: number): void {
    this.#admitted += nodes
    this.#firstSeq ??= firstSeq
  }

  hold(item: HeldNodeRef): void {
    if (this.#held.size < LISTED_MAX || this.#held.has(item.digest)) this.#held.set(item.digest, item)
    else this.#unlisted++
  }

  addMissingDocuments(documents: readonly Digest[]): void {
    for (const digest of documents) {
      if (this.#documents.size >= DOCUMENT_LIMITS.awaitedListedMax) return
      this.#documents.add(digest)
    }
  }

  /** A block of a document is stored. */
  addDocument(digest: Digest): void {
    this.supplied += 1
    this.#documents.delete(digest)
  }

  /** It is not held any more. `before`: it had been held when the call began, as far as is known. */
  unhold(digest: Digest, before: boolean): void {
    this.#held.delete(digest)
    if (!before) return
    if (this.#released.length < LISTED_MAX) this.#released.push(digest)
    else this.#unlisted++
  }

  refuse(digest: Digest, code: ErrorCode): void {
    if (this.#refused.length < LISTED_MAX) this.#refused.push({ digest, code })
    else this.#unlisted++
  }

  report(): AdmitReport {
    return {
      admitted: this.#admitted,
      known: this.known,
      held: [...this.#held.values()],
      released: this.#released,
      refused: this.#refused,
      documents: [...this.#documents],
      supplied: this.supplied,
      unsolicited: this.unsolicited,
      unlisted: this.#unlisted,
      firstSeq: this.#firstSeq,
    }
  }
}
