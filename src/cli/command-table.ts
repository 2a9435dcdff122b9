// The table of verbs.

import type { Command } from './command.ts'
import { CLONE_VERBS } from './commands/clone.ts'
import { COMPARE_VERBS } from './commands/compare.ts'
import { CONFLICT_VERBS } from './commands/conflicts.ts'
import { DAG_VERBS } from './commands/dag.ts'
import { DOCUMENT_VERBS } from './commands/documents.ts'
import { EVENT_VERBS } from './commands/events.ts'
import { EXPORT_VERBS } from './commands/export.ts'
import { FRONTIER_VERBS } from './commands/frontiers.ts'
import { LIVE_VERBS } from './commands/live.ts'
import { LOG_VERBS } from './commands/log.ts'
import { PEER_VERBS } from './commands/peers.ts'
import { PUBLISH_VERBS } from './commands/publish.ts'
import { SETTLE_VERBS } from './commands/resolve.ts'
import { SERVE_VERBS } from './commands/serve.ts'
import { LOOK_VERBS } from './commands/status.ts'
import { STORE_VERBS } from './commands/store.ts'
import { SYNC_VERBS } from './commands/sync.ts'
import { helpVerb, VERSION_VERB } from './commands/version.ts'
import { WATCH_VERBS } from './commands/watch.ts'

export const COMMANDS: readonly Command[] = [
  ...STORE_VERBS,
  ...FRONTIER_VERBS,
  ...PEER_VERBS,
  ...EVENT_VERBS,
  ...EXPORT_VERBS,
  ...DOCUMENT_VERBS,
  ...SERVE_VERBS,
  ...SYNC_VERBS,
  ...LIVE_VERBS,
  ...WATCH_VERBS,
  ...CLONE_VERBS,
  ...PUBLISH_VERBS,
  ...COMPARE_VERBS,
  ...SETTLE_VERBS,
  ...LOOK_VERBS,
  ...LOG_VERBS,
  ...CONFLICT_VERBS,
  ...DAG_VERBS,
  VERSION_VERB,
  helpVerb(() => COMMANDS),
]
