// Counts and bounded lists of one call of the gate. Lists are bounded, counts are exact.

import { type Digest, DigestMap, DigestSet } from '../base/bytes.ts'
import type { ErrorCode } from '../base/errors.ts'
import { DOCUMENT_LIMITS } from '../base/limits.ts'
import type { Wait } from '../store/store.ts'

/** A node that a call of the gate held. */
export interface HeldNodeRef {
  readonly digest: Digest
  /** The key that signed it, 32 bytes. */
  readonly key: Uint8Array
  /** The nodes, documents or cuts that it waits for. */
  readonly wait: Wait
}

/** Results of one call of the gate. */
export interface AdmitReport {
  /** Nodes that this call stored, whether they were in the call or held before. */
  readonly admitted: number
  /** Nodes of the call that were stored before, or occur twice in it. */
  readonly known: number
  /** Nodes that this call held, or whose wait changed. */
  readonly held: readonly HeldNodeRef[]
  /** Nodes that were held before and no longer are: admitted or refused. */
  readonly released: readonly Digest[]
  /** Nodes that this call refused, with the reason. */
  readonly refused: readonly { readonly digest: Digest; readonly code: ErrorCode }[]
  /** Missing document blocks of the nodes of this call, at most 4,096: what to request. */
  readonly documents: readonly Digest[]
  /** Texts that this call stored for nodes that were stored without. */
  readonly texts: number
  /** Document blocks that this call stored. */
  readonly supplied: number
  /**
   * Blocks given as documents that were not stored: no held node waits for them, or they are too
   * large.
   */
  readonly unsolicited: number
  /**
   * Entries left out of `held`, `released` and `refused`, which have at most 65,536 entries each.
   */
  readonly unlisted: number
  /** Sequence number of the first admitted node; undefined if none was admitted. */
  readonly firstSeq: number | undefined
}

const LISTED_MAX = 65_536

/** Collects an `AdmitReport`. */
export class AdmissionCounter {
  /** See `AdmitReport.known`. */
  known = 0
  /** See `AdmitReport.texts`. */
  texts = 0
  /** See `AdmitReport.supplied`. */
  supplied = 0
  /** See `AdmitReport.unsolicited`. */
  unsolicited = 0
  #admitted = 0
  #firstSeq: number | undefined
  #unlisted = 0
  readonly #held = new DigestMap<HeldNodeRef>()
  readonly #documents = new DigestSet()
  readonly #released: Digest[] = []
  readonly #refused: { digest: Digest; code: ErrorCode }[] = []

  /** Counts a commit of `nodes` nodes from `firstSeq` on. */
  admit(nodes: number, firstSeq: number): void {
    this.#admitted += nodes
    this.#firstSeq ??= firstSeq
  }

  /** Lists a hold; a later hold of the same node replaces it. */
  hold(item: HeldNodeRef): void {
    if (this.#held.size < LISTED_MAX || this.#held.has(item.digest)) this.#held.set(item.digest, item)
    else this.#unlisted++
  }

  /** Lists missing blocks, up to 4,096. */
  addMissingDocuments(documents: readonly Digest[]): void {
    for (const digest of documents) {
      if (this.#documents.size >= DOCUMENT_LIMITS.awaitedListedMax) return
      this.#documents.add(digest)
    }
  }

  /** Counts a stored block of a document. */
  addDocument(digest: Digest): void {
    this.supplied += 1
    this.#documents.delete(digest)
  }

  /** Removes a hold. `before`: the node was in the held store when the call began. */
  unhold(digest: Digest, before: boolean): void {
    this.#held.delete(digest)
    if (!before) return
    if (this.#released.length < LISTED_MAX) this.#released.push(digest)
    else this.#unlisted++
  }

  /** Lists a refused node. */
  refuse(digest: Digest, code: ErrorCode): void {
    if (this.#refused.length < LISTED_MAX) this.#refused.push({ digest, code })
    else this.#unlisted++
  }

  /** Returns the report so far. */
  report(): AdmitReport {
    return {
      admitted: this.#admitted,
      known: this.known,
      held: [...this.#held.values()],
      released: this.#released,
      refused: this.#refused,
      documents: [...this.#documents],
      texts: this.texts,
      supplied: this.supplied,
      unsolicited: this.unsolicited,
      unlisted: this.#unlisted,
      firstSeq: this.#firstSeq,
    }
  }
}
