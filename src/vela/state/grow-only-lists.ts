// Lists in objects to which an event appends one item: notes, evidence, entities, steps. An index
// of the items is kept in a versioned table beside the objects, so an event does not scan the list.
// Spec: protocol/replay.md, R8, R9, R14.

import { ReplicaError } from '../../base/errors.ts'
import { REPLAY_LIMITS } from '../../base/limits.ts'
import type { Json } from '../../json/value.ts'
import { type Body, listAt, textOf, withMembers } from './json-path.ts'
import type { ObjectTable, Step } from './state.ts'

/** One kind of list. */
export interface GrowOnlyList {
  readonly table: ObjectTable
  /** The members that lead to the list. */
  readonly path: readonly string[]
  /** The text members that identify an item. */
  readonly by: readonly string[]
}

export const ANNOTATIONS: GrowOnlyList = { table: 'findings', path: ['annotations'], by: ['id'] }
export const SPANS: GrowOnlyList = { table: 'findings', path: ['evidence', 'evidence_spans'], by: ['section', 'text'] }
export const ENTITIES: GrowOnlyList = { table: 'findings', path: ['assertion', 'entities'], by: ['name'] }
export const STEPS: GrowOnlyList = { table: 'trajectories', path: ['steps'], by: ['id'] }

interface ListOwner {
  readonly id: string
  readonly body: Body
}

/** Returns the index of the first item with these texts, which are in the order of `list.by`. */
export function itemIndex(
  step: Step,
  list: GrowOnlyList,
  { id, body, texts }: ListOwner & { readonly texts: readonly string[] },
): number | undefined {
  const { listIndex: listed } = step.view
  const name = listKey(list, id, [])
  if (!listed.has(name)) {
    for (const [place, item] of listAt(body, list.path).entries()) {
      const key = item instanceof Map ? itemKey(list, id, item) : undefined
      if (key !== undefined && !listed.has(key)) listed.set(key, place)
    }
    listed.set(name, 0)
  }
  return listed.get(listKey(list, id, texts))
}

/**
 * Returns the object with one more item, which the caller writes; undefined if the list has that
 * item.
 * @throws ReplicaError ERR_REPLAY_LIMIT for a full list (`REPLAY_LIMITS.listItemsMax` items)
 */
export function withItem(
  step: Step,
  list: GrowOnlyList,
  { id, body, item }: ListOwner & { readonly item: Map<string, Json> },
): Body | undefined {
  const texts = list.by.map(name => textOf(item, name)!)
  if (itemIndex(step, list, { id, body, texts }) !== undefined) return undefined
  const items = listAt(body, list.path)
  if (items.length >= REPLAY_LIMITS.listItemsMax)
    throw new ReplicaError('ERR_REPLAY_LIMIT', `a list has ${items.length} items, which is the limit`)
  step.view.listIndex.set(listKey(list, id, texts), items.length)
  return withMembers(body, list.path.slice(0, -1), { [list.path.at(-1)!]: [...items, item] })
}

/** Returns undefined for an item that lacks one of the texts: it equals no other item. */
function itemKey(list: GrowOnlyList, id: string, item: Body): string | undefined {
  const texts = list.by.map(name => textOf(item, name))
  return texts.includes(undefined) ? undefined : listKey(list, id, texts as string[])
}

function listKey({ path }: GrowOnlyList, id: string, texts: readonly string[]): string {
  return JSON.stringify([path.at(-1)!, id, ...texts])
}
