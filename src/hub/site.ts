// What the handlers of a hub's HTTP work with. Made once for a hub.

import type { Home } from '../replica/home.ts'
import type { Owners } from '../replica/owners.ts'
import type { Captures } from './captures.ts'
import type { Counts } from './counts.ts'
import type { Handed } from './handed.ts'
import type { Publishing } from './publishing.ts'
import type { StandingEntries } from './standing.ts'

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
