// The sessions that become protocol/vectors/session: for each rule that a session can show, one that follows it and one for
// each way to break it. A session is driven to the turn in question by real replicas; what breaks a rule is forged.

import type { Session } from './session-parts.ts'
import { ancestors, blocks } from './sessions-blocks.ts'
import { channels } from './sessions-channels.ts'
import { difference } from './sessions-difference.ts'
import { ends } from './sessions-end.ts'
import { handshake, requests } from './sessions-handshake.ts'
import { live } from './sessions-live.ts'
import { texts } from './sessions-texts.ts'

export const sessions: readonly Session[] = [
  ...handshake,
  ...requests,
  ...channels,
  ...difference,
  ...blocks,
  ...ancestors,
  ...ends,
  ...live,
  ...texts,
]
