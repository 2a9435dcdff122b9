// Decides which registry entry of a frontier is served: the hub's own, signed for the current pair;
// or, of the entries that another owner published, the latest one whose content is here, with that
// content, even after the frontier has changed. An entry is never served with content that it does
// not match. Spec: protocol/http.md, H10 to H13.

import { hasCode } from '../base/errors.ts'
import type { OwnershipStore } from '../projection/ownership-store.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { type RegistryEntry, signEntry } from '../vela/federation/registry-entry.ts'
import { hashFault } from '../vela/files/received-file.ts'
import type { Publications, PublishedEntries, VerifiedEntry } from './published-entries.ts'
import type { PairHalf, Snapshot, SnapshotCache } from './snapshot-cache.ts'

/**
 * An entry with its snapshot; or the reason why none of the published entries can be served; or
 * undefined where nothing was published.
 */
export type ServedEntry =
  | { readonly entry: RegistryEntry; readonly snapshot: Snapshot }
  | { readonly fault: string }
  | undefined

export interface ServedEntriesOptions {
  readonly context: ReplicaContext
  readonly snapshots: SnapshotCache
  readonly owners: OwnershipStore
  readonly published: PublishedEntries
  readonly baseUrl: () => string
}

/**
 * Looks up served entries, and signs those of the hub's own frontiers.
 *
 * @example
 * const served = await new ServedEntries(options).find(frontier, 'first')
 * if (served !== undefined && 'entry' in served) send(printEntry(served.entry))
 */
export class ServedEntries {
  readonly #options: ServedEntriesOptions
  readonly #signed = new WeakMap<Snapshot, RegistryEntry>()

  constructor(options: ServedEntriesOptions) {
    this.#options = options
  }

  /**
   * Returns the entry and the snapshot for a request for that half of the pair.
   * @throws ReplicaError ERR_NOT_FOUND for a frontier without nodes, ERR_HTTP_LIMIT, ERR_HTTP_BUSY
   */
  async find(frontier: Frontier, half: PairHalf): Promise<ServedEntry> {
    const { owners, snapshots, published, context } = this.#options
    const { owner } = await owners.of(frontier)
    if (owner === context.key.publicKey) {
      const snapshot = await snapshots.pair(frontier, half)
      return { entry: this.#sign(snapshot), snapshot }
    }
    const publications = await published.of(frontier.log.name)
    return publications === undefined ? undefined : this.#findPublished(frontier, ofOwner(publications, owner))
  }

  async #findPublished(frontier: Frontier, { latest, matched }: Partial<Publications>): Promise<ServedEntry> {
    if (latest === undefined) {
      if (matched !== undefined) return this.#serveMatched(frontier, matched)
      return { fault: 'the key of the published entry is no longer the owner’s' }
    }
    if (matched?.entry === latest) return this.#serveMatched(frontier, matched)
    if (matched === undefined) return this.#matchLatest(frontier, latest)
    const served = await this.#matchLatest(frontier, latest).catch(error => {
      // The matched entry is served even while the current state has no snapshot.
      if (hasCode(error, 'ERR_HTTP_BUSY', 'ERR_HTTP_LIMIT', 'ERR_TEXT_WITHHELD')) return { fault: error.message }
      throw error
    })
    return 'fault' in served ? this.#serveMatched(frontier, matched) : served
  }

  /** Serves the latest entry if it matches the current state, and records the match. */
  async #matchLatest(frontier: Frontier, latest: RegistryEntry): Promise<NonNullable<ServedEntry>> {
    const { snapshots, published } = this.#options
    const snapshot = await snapshots.current(frontier)
    const fault = hashFault(latest, await snapshot.hashes())
    if (fault !== undefined) return { fault }
    await published.match(latest, snapshot.nodes)
    return { entry: latest, snapshot }
  }

  async #serveMatched(frontier: Frontier, { entry, nodes }: VerifiedEntry): Promise<ServedEntry> {
    if (nodes > frontier.log.nodes) return { fault: 'the frontier has fewer nodes than when the entry was published' }
    const snapshot = await this.#options.snapshots.former(frontier, nodes)
    const fault = hashFault(entry, await snapshot.hashes())
    return fault === undefined ? { entry, snapshot } : { fault }
  }

  /** Returns this hub's entry for a snapshot; it is signed once per snapshot and key. */
  #sign(snapshot: Snapshot): RegistryEntry {
    const { context, baseUrl } = this.#options
    const { key, hubId } = context
    const signed = this.#signed.get(snapshot)
    if (signed?.owner_pubkey === key.publicKey) return signed
    const { frontier, fileHash } = snapshot
    const draft = {
      vfr_id: frontier,
      name: snapshot.name,
      owner_actor_id: hubId,
      latest_snapshot_hash: snapshot.snapshotHash,
      latest_event_log_hash: snapshot.logHash,
      network_locator: `${baseUrl()}/entries/${frontier}/snapshot?sha256=${fileHash}`,
      signed_publish_at: context.now(),
    }
    const entry = signEntry(draft, key)
    this.#signed.set(snapshot, entry)
    return entry
  }
}

/**
 * Drops entries of other keys than the current owner's. Each entry was signed by the key that it
 * names.
 */
function ofOwner({ latest, matched }: Publications, owner: string): Partial<Publications> {
  return {
    ...(latest.owner_pubkey === owner && { latest }),
    ...(matched?.entry.owner_pubkey === owner && { matched }),
  }
}
