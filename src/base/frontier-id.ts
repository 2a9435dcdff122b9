// The form of a frontier id: `vfr_` and 16 lower-case hex digits. Spec: protocol/event.md, V22.

import { ReplicaError } from './errors.ts'
import { excerpt } from './text.ts'

/** Returns whether `text` is a frontier id. */
export function isFrontierId(text: string): boolean {
  return /^vfr_[0-9a-f]{16}$/.test(text)
}

/** Checks the form of a frontier id. @throws ReplicaError ERR_FRONTIER_ID for any other text */
export function checkFrontierId(text: string): void {
  if (isFrontierId(text)) return
  throw new ReplicaError('ERR_FRONTIER_ID', `'${excerpt(text)}' is not vfr_ and 16 lower-case hex digits`)
}
