// Which entry stands for a frontier here and is served: this hub's own, signed for what it holds now; or of those that the owner
// published the latest whose content is here, with that content, also when the frontier has gone on since. No entry is served
// beside content that it is not of. Specification: protocol/http.md, H10 to H13.

import { hasCode } from '../base/errors.ts'
import type { Owners } from '../projection/ownership-store.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { type RegistryEntry, signEntry } from '../vela/federation/registry-entry.ts'
import { hashFault } from '../vela/files/received-file.ts'
import type { PublicationStore, PublishedEntries } from './published-entries.ts'
import type { PairHalf, Snapshot, SnapshotCache } from './snapshot-cache.ts'

/** An entry with the capture that it is true of; or why none that was published can be served. */
export type ServedEntry =
  | { readonly entry: RegistryEntry; readonly capture: Snapshot }
  | { readonly fault: string }
  | undefined

export interface StandingParts {
  readonly home: ReplicaContext
  readonly captures: SnapshotCache
  readonly owners: Owners
  readonly published: PublishedEntries
  /** Where others reach this hub. */
  readonly base: () => string
}

export class ServedEntries {
  readonly #parts: StandingParts
  readonly #signed = new WeakMap<Snapshot, RegistryEntry>()

  constructor(parts: StandingParts) {
    this.#parts = parts
  }

  /** @throws ReplicaError ERR_NOT_FOUND for a frontier without nodes, ERR_HTTP_LIMIT, ERR_HTTP_BUSY */
  async of(frontier: Frontier, half: PairHalf): Promise<ServedEntry> {
    const { owners, captures, published, home } = this.#parts
    const { owner } = await owners.of(frontier)
    if (owner === home.key.publicKey) {
      const capture = await captures.pair(frontier, half)
      return { entry: this.#own(capture), capture }
    }
    const found = await published.of(frontier.log.name)
    return found === undefined ? undefined : this.#published(frontier, ofOwner(found, owner))
  }

  async #published(frontier: Frontier, { latest, matched }: Partial<PublicationStore>): Promise<ServedEntry> {
    if (latest === undefined) {
      if (matched !== undefined) return this.#former(frontier, matched)
      return { fault: 'what was published is of a key that is no longer the owner’s' }
    }
    if (matched?.entry === latest) return this.#former(frontier, matched)
    if (matched === undefined) return this.#present(frontier, latest)
    const now = await this.#present(frontier, latest).catch(error => {
      // What can't be captured now doesn't hide what stands.
      if (hasCode(error, 'ERR_HTTP_BUSY') || hasCode(error, 'ERR_HTTP_LIMIT')) return { fault: error.message }
      throw error
    })
    return 'fault' in now ? this.#former(frontier, matched) : now
  }

  /** Whether the latest entry is of what is held now. */
  async #present(frontier: Frontier, latest: RegistryEntry): Promise<NonNullable<ServedEntry>> {
    const { captures, published } = this.#parts
    const capture = await captures.current(frontier)
    const fault = hashFault(latest, await capture.hashes())
    if (fault !== undefined) return { fault }
    await published.match(latest, capture.nodes)
    return { entry: latest, capture }
  }

  async #former(frontier: Frontier, { entry, nodes }: { entry: RegistryEntry; nodes: number }): Promise<ServedEntry> {
    if (nodes > frontier.log.nodes) return { fault: 'what is held has fewer nodes than when the entry was published' }
    const capture = await this.#parts.captures.former(frontier, nodes)
    const fault = hashFault(entry, await capture.hashes())
    return fault === undefined ? { entry, capture } : { fault }
  }

  /** This hub's entry for a capture, signed once. */
  #own(capture: Snapshot): RegistryEntry {
    const { home, base } = this.#parts
    const { key, hubId } = home
    const signed = this.#signed.get(capture)
    if (signed?.owner_pubkey === key.publicKey) return signed
    const { frontier, fileHash } = capture
    const draft = {
      vfr_id: frontier,
      name: capture.name,
      owner_actor_id: hubId,
      latest_snapshot_hash: capture.snapshotHash,
      latest_event_log_hash: capture.logHash,
      network_locator: `${base()}/entries/${frontier}/snapshot?sha256=${fileHash}`,
      signed_publish_at: home.now(),
    }
    const entry = signEntry(draft, key)
    this.#signed.set(capture, entry)
    return entry
  }
}

/** Only the present owner's entries stand; each was signed by whom it names. */
function ofOwner({ latest, matched }: PublicationStore, owner: string): Partial<PublicationStore> {
  return {
    ...(latest.owner_pubkey === owner && { latest }),
    ...(matched?.entry.owner_pubkey === owner && { matched }),
  }
}
