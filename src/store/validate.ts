// The one way the store says that what lies on the disk is not what was written. Details name the frontier and the
// sequence number where one node is meant; such an error is never swallowed and never turned into "not found".

import { type ErrorFacts, ReplicaError } from '../base/errors.ts'

export function corruptionError(reason: string, facts: ErrorFacts = {}, cause?: unknown): ReplicaError {
  return new ReplicaError('ERR_STORE_CORRUPT', reason, { facts, cause })
}
