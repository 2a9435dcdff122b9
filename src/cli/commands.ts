// The table of verbs.

import type { Command } from './command.ts'
import { CLONE_VERBS } from './verbs/clone.ts'
import { COMPARE_VERBS } from './verbs/compare.ts'
import { CONFLICT_VERBS } from './verbs/conflicts.ts'
import { DAG_VERBS } from './verbs/dag.ts'
import { DOCUMENT_VERBS } from './verbs/documents.ts'
import { EVENT_VERBS } from './verbs/events.ts'
import { EXPORT_VERBS } from './verbs/export.ts'
import { FRONTIER_VERBS } from './verbs/frontiers.ts'
import { LIVE_VERBS } from './verbs/live.ts'
import { LOG_VERBS } from './verbs/log.ts'
import { LOOK_VERBS } from './verbs/look.ts'
import { helpVerb, VERSION_VERB } from './verbs/other.ts'
import { PEER_VERBS } from './verbs/peers.ts'
import { PUBLISH_VERBS } from './verbs/publish.ts'
import { SERVE_VERBS } from './verbs/serve.ts'
import { SETTLE_VERBS } from './verbs/settle.ts'
import { STORE_VERBS } from './verbs/store.ts'
import { SYNC_VERBS } from './verbs/sync.ts'
import { WATCH_VERBS } from './verbs/watch.ts'

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
