// What ends a session, as the one kind of error that its users see.

import { hasCode, ReplicaError } from './errors.ts'

/** Any error as a ReplicaError: what has no code is a mistake of ours. */
export function toReplicaError(error: unknown): ReplicaError {
  return hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error })
}

/** The session has ended in good order, and something was still asked of it. */
export function sessionClosedError(): ReplicaError {
  return new ReplicaError('ERR_SYNC_CLOSED', 'the other side ended the session, as a hub does that is stopping')
}
