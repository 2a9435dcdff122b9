// Limits of the command line. The rules of limits.ts hold here too. Spec: protocol/limits.md.

const KIB = 1024
const MIB = 1024 * KIB

/** The command line and the control socket of a served store. Spec: protocol/cli.md. */
export const CLI_LIMITS = {
  /** Bytes: one message on the control socket → ERR_SYNC_LIMIT. */
  controlFrameBytesMax: 4 * MIB,
  /** Bytes: one piece of output on the control socket → the output is split. */
  controlChunkBytes: 64 * KIB,
  /** Count: concurrent commands in one hub → ERR_SYNC_BUSY. */
  controlSessionsMax: 32,
  /** ms: to connect to the control socket; again for hello → no hub; no hello: ERR_STORE_LOCKED. */
  controlConnectMsMax: 2_000,
  /** ms: until the request is complete → ERR_ABORTED. */
  controlRequestMsMax: 5_000,
  /** ms: for a command in a hub to end after an abort → ERR_ABORTED. */
  controlLastWordMsMax: 2_000,
  /** Bytes: path of a Unix socket → the socket is made in the folder for temporary files. */
  socketPathBytesMax: 100,
  /** ms: waiting for a locked store → ERR_STORE_LOCKED. */
  lockWaitMsMax: 2_000,
  /** ms: interval between attempts → no error: fixed interval. */
  lockRetryMs: 40,
  /** ms: interval at which `watch` polls a store without a hub → no error: fixed interval. */
  watchLookMs: 500,
  /** Bytes: events that `watch` reads before it prints → the read ends; the next one continues. */
  watchBytesMax: 4 * MIB,
  /** ms: before progress is shown → no error: fixed delay. */
  progressAfterMs: 1_000,
  /** ms: between two lines of progress → no error: updates in between are dropped. */
  progressEveryMs: 100,
  /** Count: items in a list of one JSON answer → ERR_USAGE, or the list ends: use `--jsonl`. */
  jsonItemsMax: 10_000,
  /** Count: columns of a drawn graph → the row is cut and marked with `…`. */
  graphColumnsMax: 12,
  /** Count: values of one repeated option of `log` → ERR_USAGE. */
  logFilterValuesMax: 64,
  /** Bytes: a file that is read whole → ERR_USAGE. */
  wholeFileBytesMax: 1024 * MIB,
  /** Bytes: one event file or one line of events → ERR_USAGE; a line: ERR_JSON. */
  eventFileBytesMax: 8 * MIB,
  /** Count: files of an imported `.vela` repository → ERR_USAGE. */
  folderFilesMax: 262_144,
  /** Bytes: all files of it → ERR_USAGE. */
  folderBytesMax: 256 * MIB,
  /** Count: levels of its folders → ERR_USAGE. */
  folderDepthMax: 16,
} as const
