// The error class of the library and the closed table of its codes. A code is part of the API: it
// is stable and documented in protocol/errors.md, which a test compares with this table. A message
// is for people and may change. A programming mistake is a plain TypeError. Each code maps to a
// process exit code and, if it ends a connection, to a WebSocket close code.

/**
 * Exit code of the command line: 0 success, 1 refused or negative result, 2 usage, 3 remote or
 * protocol, 4 store.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4

interface CodeEntry {
  readonly exit: ExitCode
  readonly close?: number
}

/**
 * Every code with its exit code and, if it ends a connection, its close code (private range
 * 4000–4999).
 */
export const CODES = {
  // Bytes and values.
  ERR_CBOR: { exit: 1 },
  ERR_CID: { exit: 2 },
  ERR_JSON: { exit: 1 },
  ERR_JSON_CANONICAL: { exit: 1 },
  // Events.
  ERR_EVENT_SHAPE: { exit: 1 },
  ERR_EVENT_ID: { exit: 1 },
  ERR_EVENT_SIZE: { exit: 1 },
  ERR_EVENT_PARENT: { exit: 1 },
  ERR_EVENT_KIND: { exit: 1 },
  ERR_EVENT_TARGET: { exit: 1 },
  ERR_REPLAY_LIMIT: { exit: 1 },
  // Nodes.
  ERR_NODE_SHAPE: { exit: 1 },
  ERR_NODE_SIZE: { exit: 1 },
  ERR_NODE_TEXT: { exit: 1 },
  ERR_NODE_FRONTIER: { exit: 1 },
  ERR_NODE_HEIGHT: { exit: 1 },
  ERR_NODE_SIGNATURE: { exit: 1 },
  ERR_NODE_REVOKED: { exit: 1 },
  ERR_HELD_FULL: { exit: 1 },
  ERR_DOCUMENT: { exit: 1 },
  // Keys and peers.
  ERR_KEY: { exit: 2 },
  ERR_KEY_FILE: { exit: 4 },
  ERR_PEER_ID: { exit: 2 },
  ERR_PEER_URL: { exit: 2 },
  ERR_PEER_EXISTS: { exit: 1 },
  ERR_PEER_KEY_CHANGED: { exit: 1 },
  ERR_PEER_UNKNOWN: { exit: 2 },
  ERR_REGISTRY: { exit: 3 },
  // Frontiers.
  ERR_FRONTIER_ID: { exit: 2 },
  ERR_FRONTIER: { exit: 1 },
  ERR_FRONTIER_UNKNOWN: { exit: 2, close: 4404 },
  ERR_NOT_FOUND: { exit: 1 },
  ERR_TEXT_WITHHELD: { exit: 1 },
  // Entries, actors, proposals and resolutions.
  ERR_INSTANT: { exit: 1 },
  ERR_ENTRY: { exit: 1 },
  ERR_ENTRY_SIGNATURE: { exit: 1 },
  ERR_ENTRY_OWNER: { exit: 1 },
  ERR_ENTRY_STALE: { exit: 1 },
  ERR_PUBLISH: { exit: 1 },
  ERR_ACTOR: { exit: 1 },
  ERR_PROPOSAL: { exit: 1 },
  ERR_REVIEWER: { exit: 1 },
  ERR_CONFLICT_UNKNOWN: { exit: 1 },
  ERR_CONFLICT_SETTLED: { exit: 1 },
  ERR_JOURNAL: { exit: 4 },
  // Store.
  ERR_STORE_MISSING: { exit: 4 },
  ERR_STORE_EXISTS: { exit: 4 },
  ERR_STORE_LOCKED: { exit: 4 },
  ERR_STORE_VERSION: { exit: 4 },
  ERR_STORE_CORRUPT: { exit: 4, close: 4500 },
  ERR_STORE_IO: { exit: 4, close: 4500 },
  ERR_STORE_CLOSED: { exit: 4, close: 4500 },
  ERR_STORE_REPLACED: { exit: 4, close: 4500 },
  ERR_STORE_BEHIND: { exit: 4, close: 4500 },
  ERR_STORE_UNKNOWN: { exit: 4, close: 4500 },
  ERR_STORE_FENCED: { exit: 4, close: 4500 },
  ERR_STORE_ASYNC: { exit: 4 },
  // Sync.
  ERR_SYNC_FRAME: { exit: 3, close: 4400 },
  ERR_SYNC_VERSION: { exit: 3, close: 4406 },
  ERR_SYNC_AUTH: { exit: 3, close: 4401 },
  ERR_SYNC_FORBIDDEN: { exit: 3, close: 4403 },
  ERR_SYNC_ORDER: { exit: 3, close: 4409 },
  ERR_SYNC_CHANNEL: { exit: 3, close: 4405 },
  ERR_SYNC_LIMIT: { exit: 3, close: 4413 },
  ERR_SYNC_CREDIT: { exit: 3, close: 4429 },
  ERR_SYNC_UNSOLICITED: { exit: 3, close: 4422 },
  ERR_SYNC_HEADS: { exit: 3, close: 4424 },
  ERR_SYNC_TIMEOUT: { exit: 3, close: 4408 },
  ERR_SYNC_BUSY: { exit: 3, close: 4503 },
  ERR_SYNC_CLOSED: { exit: 3 },
  ERR_SYNC_CONNECT: { exit: 3 },
  ERR_SYNC_REMOTE: { exit: 3 },
  ERR_FETCH: { exit: 3 },
  // HTTP.
  ERR_HTTP_REQUEST: { exit: 3 },
  ERR_HTTP_HOST: { exit: 3 },
  ERR_HTTP_METHOD: { exit: 3 },
  ERR_HTTP_LIMIT: { exit: 3 },
  ERR_HTTP_BUSY: { exit: 3 },
  // Callers.
  ERR_USAGE: { exit: 2 },
  ERR_ABORTED: { exit: 1 },
  ERR_INTERNAL: { exit: 4, close: 4500 },
} as const satisfies Record<string, CodeEntry>

/** A code of a ReplicaError. */
export type ErrorCode = keyof typeof CODES

/** Details of an error. Plain JSON values only, so that `--json` can print them. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | readonly string[]>>

/**
 * The error that the library throws for bad input, misbehaving peers and failing disks. Match on
 * `code`, never on `message`.
 *
 * @example
 * try {
 *   await replica.append(frontier, draft)
 * } catch (error) {
 *   if (!hasCode(error, 'ERR_EVENT_SHAPE')) throw error
 * }
 */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError'
  readonly code: ErrorCode
  readonly facts: ErrorFacts

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; facts?: ErrorFacts } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.facts = options.facts ?? {}
  }

  /** Exit code of the command line, 0 to 4. */
  get exitCode(): ExitCode {
    return CODES[this.code].exit
  }

  /**
   * WebSocket close code (RFC 6455 section 7.4.2, private range). 4500 for a code that never ends a
   * connection.
   */
  get closeCode(): number {
    const entry: CodeEntry = CODES[this.code]
    return entry.close ?? 4500
  }
}

/** Returns whether `text` is a code of the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(CODES, text)
}

/**
 * Returns whether `error` is a ReplicaError with one of `codes`. Without `codes`, any code matches.
 */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is ReplicaError {
  return error instanceof ReplicaError && (codes.length === 0 || codes.includes(error.code))
}

/** Returns `error` itself when it has a code, else ERR_INTERNAL with `error` as its cause. */
export function toReplicaError(error: unknown): ReplicaError {
  return hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error })
}

/** The other side ended the session in good order while a request of this side was pending. */
export function sessionClosedError(): ReplicaError {
  return new ReplicaError('ERR_SYNC_CLOSED', 'the peer ended the session, for example because its hub shuts down')
}
