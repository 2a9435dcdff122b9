// What the handlers of a hub's HTTP work with. Made once for a hub.

import type { Owners } from '../projection/ownership-store.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import type { HubCounters } from './counters.ts'
import type { PublicationIntake } from './publishing.ts'
import type { ServedEntries } from './served-entries.ts'
import type { SnapshotCache } from './snapshot-cache.ts'

export interface HubContext {
  readonly home: ReplicaContext
  readonly captures: SnapshotCache
  readonly owners: Owners
  readonly publishing: PublicationIntake
  readonly standing: ServedEntries
  readonly counts: HubCounters
  /** Where others reach this hub: `http://…` or `https://…`, no slash at the end. */
  readonly base: () => string
  /** Frontiers are read by anyone; otherwise HTTP, which knows no keys, shows none of them. */
  readonly openRead: boolean
  /** Aborted when the hub stops. */
  readonly stopping: AbortSignal
}
