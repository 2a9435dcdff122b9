// What whoever runs a session may say about it and be told of it.

import type { Channel, PeerIdentity } from '../sync/state.ts'
import type { SetAlarm } from './alarm.ts'
import type { Breath } from './breath.ts'
import type { LiveNews } from './live.ts'
import type { Pacer } from './pace.ts'
import type { Traffic } from './traffic.ts'

export interface ExchangeOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of each judged chunk, each sent frame of nodes and each ack of them; cheap, must not throw. */
  readonly onProgress?: ((traffic: Readonly<Traffic>) => void) | undefined
  /** Told of each channel that ended in good order; must not throw. */
  readonly onChannel?: ((channel: Channel, peer: PeerIdentity) => void) | undefined
  /** Told of each live channel that was opened or caught up, and of each round reported on one; cheap, must not throw. */
  readonly onLive?: ((frontier: string, news: LiveNews, peer: PeerIdentity) => void) | undefined
  readonly setAlarm?: SetAlarm | undefined
  /** Shared by sessions that must leave each other, and everything else in the process, room. */
  readonly breath?: Breath | undefined
  /** Who else starts rounds of live channels; by default every session of this process. */
  readonly pacer?: Pacer | undefined
}
