// State that the routes of a hub share. The HTTP handler makes one per hub.

import type { OwnershipStore } from '../projection/ownership-store.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import type { HubCounters } from './counters.ts'
import type { EventCursors } from './event-cursor.ts'
import type { PublicationIntake } from './published-entries.ts'
import type { ServedEntries } from './served-entries.ts'
import type { SnapshotCache } from './snapshot-cache.ts'

export interface HubContext {
  readonly context: ReplicaContext
  readonly snapshots: SnapshotCache
  readonly owners: OwnershipStore
  readonly intake: PublicationIntake
  readonly served: ServedEntries
  readonly cursors: EventCursors
  readonly counters: HubCounters
  /** Public address of this hub: `http://…` or `https://…`, without a slash at the end. */
  readonly baseUrl: () => string
  /**
   * True if anyone may read frontiers. If false, HTTP shows none, because a request by HTTP has no
   * key.
   */
  readonly openRead: boolean
  /** Aborted when the hub stops. */
  readonly stopping: AbortSignal
}
