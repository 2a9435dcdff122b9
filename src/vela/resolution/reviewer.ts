// Who may decide (protocol/resolution.md, G9, G10): people under a name of their own, with the key that is registered for them.
// Agents and placeholders never do, however they are spelled.

import { ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../event/fields.ts'
import type { Signer } from '../../event/signing.ts'
import { type ActorRecord, isRevokedAt } from './authority.ts'

/** Words without control, format or other invisible characters, single plain spaces between them. */
const VISIBLE = /^[^\p{C}\p{Z}]+(?: [^\p{C}\p{Z}]+)*$/u

const PLACEHOLDERS = new Set(['', 'reviewer', 'user', 'unknown'])

/** @throws ReplicaError ERR_REVIEWER */
export function checkReviewer(id: string): void {
  const refusal = refusedBecause(id)
  if (refusal !== undefined) throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)}: ${refusal}`)
}

/** Whether an id is a program's by its name. */
export function isAgent(id: string): boolean {
  const name = id.toLowerCase()
  const last = name.slice(name.lastIndexOf(':') + 1)
  return /^(?:agent|sim):/.test(name) || last.endsWith('-bot') || last.endsWith('-sim')
}

/** Why this id may not decide; undefined when it may, as far as its name says. */
export function refusedBecause(id: string): string | undefined {
  if (!VISIBLE.test(id)) return 'a reviewer’s id is visible text without spaces at its ends'
  const name = id.toLowerCase()
  const last = name.slice(name.lastIndexOf(':') + 1)
  if (isAgent(id)) return 'agents and simulations propose; people decide'
  const isPlaceholder = [name, last].some(part => PLACEHOLDERS.has(part) || part.startsWith('local-'))
  return isPlaceholder ? 'a placeholder is nobody' : undefined
}

/**
 * The reviewer may decide at this time and signs with the right key: the registered one where one is registered, and
 * never one that is registered for somebody else.
 * @throws ReplicaError ERR_REVIEWER
 */
export function checkReviewerKey(
  reviewer: { readonly id: string; readonly signer: Signer; readonly at: string },
  actors: readonly ActorRecord[],
): void {
  checkReviewer(reviewer.id)
  checkKeyOf({ ...reviewer, key: reviewer.signer.publicKey }, actors)
}

/** The same of a key alone, 64 lower-case hex digits. @throws ReplicaError ERR_REVIEWER */
export function checkKeyOf(
  { id, key, at }: { readonly id: string; readonly key: string; readonly at: string },
  actors: readonly ActorRecord[],
): void {
  const own = actors.filter(actor => actor.id === id)
  if (actors.some(actor => actor.id !== id && actor.public_key === key) && !own.some(actor => actor.public_key === key))
    throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)}: the key is registered for another actor`)
  if (own.length === 0) return
  const registered = own.filter(actor => actor.public_key === key)
  if (registered.length === 0)
    throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)} is registered, and with another key`)
  if (registered.every(actor => isRevokedAt(actor.revoked_at, at)))
    throw new ReplicaError('ERR_REVIEWER', `${excerpt(id)}: the key is revoked`)
}
