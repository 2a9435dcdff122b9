// The table of all commands, in the order of the help.

import type { Command } from './command.ts'
import { CLONE_COMMANDS } from './commands/clone.ts'
import { COMPARE_COMMANDS } from './commands/compare.ts'
import { CONFLICT_COMMANDS } from './commands/conflicts.ts'
import { COPY_COMMANDS } from './commands/copy.ts'
import { DAG_COMMANDS } from './commands/dag.ts'
import { DOCUMENT_COMMANDS } from './commands/documents.ts'
import { ERASE_COMMANDS } from './commands/erase.ts'
import { EVENT_COMMANDS } from './commands/events.ts'
import { EXPORT_COMMANDS } from './commands/export.ts'
import { FRONTIER_COMMANDS } from './commands/frontiers.ts'
import { LIVE_COMMANDS } from './commands/live.ts'
import { LOG_COMMANDS } from './commands/log.ts'
import { PEER_COMMANDS } from './commands/peers.ts'
import { PUBLISH_COMMANDS } from './commands/publish.ts'
import { RESOLVE_COMMANDS } from './commands/resolve.ts'
import { SERVE_COMMANDS } from './commands/serve.ts'
import { STATUS_COMMANDS } from './commands/status.ts'
import { STORE_COMMANDS } from './commands/store.ts'
import { SYNC_COMMANDS } from './commands/sync.ts'
import { TEXT_COMMANDS } from './commands/texts.ts'
import { helpCommand, VERSION_COMMAND } from './commands/version.ts'
import { WATCH_COMMANDS } from './commands/watch.ts'

export const COMMANDS: readonly Command[] = [
  ...STORE_COMMANDS,
  ...COPY_COMMANDS,
  ...FRONTIER_COMMANDS,
  ...PEER_COMMANDS,
  ...EVENT_COMMANDS,
  ...EXPORT_COMMANDS,
  ...DOCUMENT_COMMANDS,
  ...TEXT_COMMANDS,
  ...SERVE_COMMANDS,
  ...SYNC_COMMANDS,
  ...LIVE_COMMANDS,
  ...WATCH_COMMANDS,
  ...CLONE_COMMANDS,
  ...PUBLISH_COMMANDS,
  ...COMPARE_COMMANDS,
  ...RESOLVE_COMMANDS,
  ...STATUS_COMMANDS,
  ...LOG_COMMANDS,
  ...CONFLICT_COMMANDS,
  ...DAG_COMMANDS,
  ...ERASE_COMMANDS,
  VERSION_COMMAND,
  helpCommand(() => COMMANDS),
]
