// What whoever runs a session may say about it and be told of it.

import type { SetTimer } from '../base/timer.ts'
import type { Channel, PeerIdentity } from '../sync/connection.ts'
import type { LiveProgress } from './live-channels.ts'
import type { RoundScheduler } from './round-scheduler.ts'
import type { EventLoopBudget } from './scheduler.ts'
import type { SessionStats } from './session-stats.ts'

export interface SessionOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of each judged chunk, each sent frame of nodes and each ack of them; cheap, must not throw. */
  readonly onProgress?: ((traffic: Readonly<SessionStats>) => void) | undefined
  /** Told of each channel that ended in good order; must not throw. */
  readonly onChannel?: ((channel: Channel, peer: PeerIdentity) => void) | undefined
  /** Told of each live channel that was opened or caught up, and of each round reported on one; cheap, must not throw. */
  readonly onLive?: ((frontier: string, news: LiveProgress, peer: PeerIdentity) => void) | undefined
  readonly setAlarm?: SetTimer | undefined
  /** Shared by sessions that must leave each other, and everything else in the process, room. */
  readonly breath?: EventLoopBudget | undefined
  /** Who else starts rounds of live channels; by default every session of this process. */
  readonly pacer?: RoundScheduler | undefined
}
