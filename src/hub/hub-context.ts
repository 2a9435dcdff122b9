// What the handlers of a hub's HTTP work with. Made once for a hub.

import type { Owners } from '../projection/ownership-store.ts'
import type { Home } from '../replica/replica-context.ts'
import type { Counts } from './counters.ts'
import type { Handed } from './handed.ts'
import type { Publishing } from './publishing.ts'
import type { StandingEntries } from './served-entries.ts'
import type { Captures } from './snapshot-cache.ts'

export interface Site {
  readonly home: Home
  readonly captures: Captures
  /** What readers were told of by an entry, and by a frontier file. */
  readonly told: { readonly entries: Handed; readonly files: Handed }
  readonly owners: Owners
  readonly publishing: Publishing
  readonly standing: StandingEntries
  readonly counts: Counts
  /** Where others reach this hub: `http://…` or `https://…`, no slash at the end. */
  readonly base: () => string
  /** Frontiers are read by anyone; otherwise HTTP, which knows no keys, shows none of them. */
  readonly openRead: boolean
  /** Aborted when the hub stops. */
  readonly stopping: AbortSignal
}
