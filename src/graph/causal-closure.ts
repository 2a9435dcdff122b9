// Causal closure, the v0.85 contract, over (id, parents) pairs: a set of events is closed when every parent that a member names
// is a member too. These functions are the reference for everything else; for nodes against a stored log there is dag/closure.ts.
// All walks are iterative; ids are compared as UTF-8 bytes. Specification: protocol/admission.md, D1 to D6.

import { ReplicaError } from '../base/errors.ts'
import { compareText } from '../base/text.ts'
import { isBlank } from '../json/record.ts'

export interface IdPair {
  readonly id: string
  readonly parents: readonly string[]
}

export type Closure = { readonly ok: true; readonly ids: string[] } | { readonly ok: false; readonly missing: string[] }

/** What to do with an incoming set. The member names are the reference's JSON. */
export type Action =
  | { readonly kind: 'proceed' }
  | { readonly kind: 'fetch'; readonly missing: string[] }
  | { readonly kind: 'fork'; readonly triggering_missing: string[]; readonly reason: string }

/** Parents named by these events that are not among them: each once, sorted. */
export function missingAncestors(events: readonly IdPair[]): string[] {
  const present = new Set(events.map(event => event.id))
  const missing = new Set<string>()
  for (const event of events) {
    for (const parent of event.parents) if (!present.has(parent)) missing.add(parent)
  }
  return [...missing].sort(compareText)
}

export function isCausallyClosed(events: readonly IdPair[]): boolean {
  return missingAncestors(events).length === 0
}

/**
 * The received ids with all their ancestors, looked up in `pool` only. A received id that the pool lacks counts as
 * missing like any parent. Both answers are sorted and without repeats.
 */
export function causalClosure(received: readonly string[], pool: readonly IdPair[]): Closure {
  const parentsOf = new Map<string, string[]>()
  for (const event of pool) {
    const before = parentsOf.get(event.id)
    if (before === undefined) parentsOf.set(event.id, [...event.parents])
    else for (const parent of event.parents) before.push(parent)
  }
  const reached = new Set(received)
  const missing: string[] = []
  const ids: string[] = []
  // A Set is walked in insertion order and sees what is added on the way: it is the queue of the walk as well.
  for (const id of reached) {
    const parents = parentsOf.get(id)
    if (parents === undefined) {
      missing.push(id)
      continue
    }
    ids.push(id)
    for (const parent of parents) reached.add(parent)
  }
  return missing.length === 0
    ? { ok: true, ids: ids.sort(compareText) }
    : { ok: false, missing: missing.sort(compareText) }
}

/**
 * The action for the union of both sets. Without `fork` a gap always means fetch; with it, that the operator asks to go on
 * without the missing ancestors, which takes a reason.
 * @throws ReplicaError ERR_USAGE when the reason is blank
 */
export function classify(ours: readonly IdPair[], incoming: readonly IdPair[], fork?: { reason: string }): Action {
  if (fork !== undefined && isBlank(fork.reason)) throw new ReplicaError('ERR_USAGE', 'a fork needs a reason')
  const missing = missingAncestors([...ours, ...incoming])
  if (missing.length === 0) return { kind: 'proceed' }
  if (fork === undefined) return { kind: 'fetch', missing }
  return { kind: 'fork', triggering_missing: missing, reason: fork.reason }
}
