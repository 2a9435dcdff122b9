// Causal closure: a set of events is closed if every parent that a member names is a member too.
//
// `missingParents` is the one algorithm. Its callers differ only in what counts as present: the
// events of the set (`missingAncestors`), the set and a stored log (`classifyAgainst`), or what the
// admission gate has stored and staged. Events are (id, parents) pairs. All walks are iterative.
// Ids are compared as UTF-8 bytes.
// Spec: protocol/admission.md, D1 to D6.

import { ReplicaError } from '../base/errors.ts'
import { compareText, isBlank } from '../base/text.ts'

/** An event as causal closure sees it. */
export interface IdPair {
  readonly id: string
  readonly parents: readonly string[]
}

/** The closure of some ids, or the ids that it lacks. Both lists are sorted and without repeats. */
export type Closure = { readonly ok: true; readonly ids: string[] } | { readonly ok: false; readonly missing: string[] }

/** Verdict on an incoming set. The member names are the reference's JSON. */
export type Action =
  | { readonly kind: 'proceed' }
  | { readonly kind: 'fetch'; readonly missing: string[] }
  | { readonly kind: 'fork'; readonly triggering_missing: string[]; readonly reason: string }

/** Looks ids up. Returns one boolean for each id, in the order of `ids`. */
export type HasIds = (ids: readonly string[]) => Promise<readonly boolean[]>

/**
 * Yields each parent that an event names and that `isPresent` denies, in the order of mention, with
 * repeats.
 */
export function* missingParents<Id>(
  events: Iterable<{ readonly parents: readonly Id[] }>,
  isPresent: (id: Id) => boolean,
): Generator<Id, void, void> {
  for (const { parents } of events) {
    for (const parent of parents) if (!isPresent(parent)) yield parent
  }
}

/** Returns the parents that these events name and that are not among them: each once, sorted. */
export function missingAncestors(events: readonly IdPair[]): string[] {
  const present = new Set(events.map(event => event.id))
  return [...new Set(missingParents(events, id => present.has(id)))].sort(compareText)
}

/** Returns whether no event names a parent that is not among these events. */
export function isCausallyClosed(events: readonly IdPair[]): boolean {
  return missingAncestors(events).length === 0
}

/**
 * Returns the received ids with all their ancestors, looked up in `pool` only. A received id that
 * the pool lacks counts as missing like any parent. Of several events with one id in the pool the
 * last one counts.
 */
export function causalClosure(received: readonly string[], pool: readonly IdPair[]): Closure {
  const parentsOf = new Map(pool.map(event => [event.id, event.parents]))
  const reached = new Set(received)
  const missing: string[] = []
  const ids: string[] = []
  // A Set is walked in insertion order and sees what is added on the way: it is the queue of the
  // walk as well.
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
 * Returns the action for the union of both sets. A gap means `fetch`. With `fork` it means that the
 * operator goes on without the missing ancestors; that takes a reason.
 * @throws ReplicaError ERR_USAGE if the reason is blank
 */
export function classify(ours: readonly IdPair[], incoming: readonly IdPair[], fork?: { reason: string }): Action {
  if (fork !== undefined && isBlank(fork.reason)) throw new ReplicaError('ERR_USAGE', 'a fork must have a reason')
  const missing = missingAncestors([...ours, ...incoming])
  if (fork === undefined || missing.length === 0) return actionFor(missing)
  return { kind: 'fork', triggering_missing: missing, reason: fork.reason }
}

/**
 * Returns the action for an incoming set against a closed set that `has` looks up. Only parents
 * outside the incoming set are looked up, each once and all in one call, so the cost follows the
 * incoming set.
 */
export async function classifyAgainst(has: HasIds, incoming: readonly IdPair[]): Promise<Action> {
  const outside = missingAncestors(incoming)
  const found = outside.length === 0 ? [] : await has(outside)
  return actionFor(outside.filter((_, i) => found[i] !== true))
}

function actionFor(missing: string[]): Action {
  return missing.length === 0 ? { kind: 'proceed' } : { kind: 'fetch', missing }
}
