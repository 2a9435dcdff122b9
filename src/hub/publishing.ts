// Taking the entries that owners publish. All is judged before anything changes, so that nobody else's entry does.
// Specification: protocol/http.md, H13 and H14.

import { ReplicaError } from '../base/errors.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { verify } from '../crypto/ed25519.ts'
import { parseInstant } from '../json/instant.ts'
import type { Owners } from '../projection/ownership-store.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { judgePublication } from '../vela/federation/ownership.ts'
import type { RegistryEntry } from '../vela/federation/registry-entry.ts'
import type { PublishedEntries } from './published-entries.ts'

/** What came with an entry, read when the entry's own claims hold. */
export type ReadContent = () => NonNullable<Parameters<typeof judgePublication>[1]['content']>

export interface PublishingParts {
  readonly home: ReplicaContext
  readonly owners: Owners
  readonly published: PublishedEntries
}

export class PublicationIntake {
  readonly #parts: PublishingParts
  readonly #mutex = new Mutex()

  constructor(parts: PublishingParts) {
    this.#parts = parts
  }

  /**
   * Takes an entry over what stands, when its owner published it; publications are judged one after another.
   * @throws ReplicaError as judgePublication; ERR_INSTANT for a time to come; ERR_FRONTIER_UNKNOWN, ERR_NOT_FOUND
   */
  publish(entry: RegistryEntry, content: ReadContent | undefined): Promise<'first' | 'next' | 'duplicate'> {
    return this.#mutex.run(() => this.#publish(entry, content))
  }

  async #publish(entry: RegistryEntry, read: ReadContent | undefined): Promise<'first' | 'next' | 'duplicate'> {
    const { home, owners, published } = this.#parts
    const frontier = home.frontier(entry.vfr_id)
    const ownership = await owners.of(frontier)
    const latest = (await published.of(frontier.log.name))?.latest
    // An entry of a former owner stands no more, and its time binds nobody.
    const live = latest?.owner_pubkey === ownership.owner ? latest : undefined
    const publication = { live, ownership, verify }
    const verdict = judgePublication(entry, { ...publication, content: undefined })
    checkTime(entry.signed_publish_at, home.now())
    if (read !== undefined) judgePublication(entry, { ...publication, content: read() })
    if (verdict !== 'duplicate') await published.add(entry)
    return verdict
  }
}

/** What is of the far future would stand until then. @throws ReplicaError ERR_INSTANT */
export function checkTime(at: string, now: string): void {
  const ahead = parseInstant(at).seconds - parseInstant(now).seconds
  if (ahead * 1000 > HTTP_LIMITS.publishAheadMsMax)
    throw new ReplicaError('ERR_INSTANT', 'it is of a time to come: compare the clocks')
}
