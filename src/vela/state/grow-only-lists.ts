// Lists in objects that grow by an item an event (protocol/replay.md, R8, R9, R14): notes, evidence, entities, steps. Which items a list
// has is kept beside the objects, in a table that is taken back with them, so that an event doesn't look through the list.

import { ReplicaError } from '../../base/errors.ts'
import { REPLAY_LIMITS } from '../../base/limits.ts'
import type { Json } from '../../json/value.ts'
import { type Body, listAt, textOf, withMembers } from './json-path.ts'
import type { ObjectTable, Step } from './state.ts'

export interface GrowOnlyList {
  readonly table: ObjectTable
  /** The members that lead to the list. */
  readonly path: readonly string[]
  /** The texts that tell its items apart. */
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

/** The place of the first item of the list that has these texts, in the order of `list.by`. */
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
 * The object with one more item, which the caller writes; undefined where the list has such an item.
 * @throws ReplicaError ERR_REPLAY_LIMIT
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
    throw new ReplicaError('ERR_REPLAY_LIMIT', `a list already has the maximum of ${items.length} items`)
  step.view.listIndex.set(listKey(list, id, texts), items.length)
  return withMembers(body, list.path.slice(0, -1), { [list.path.at(-1)!]: [...items, item] })
}

/** Undefined for an item that lacks one of the texts: nothing is equal to it. */
function itemKey(list: GrowOnlyList, id: string, item: Body): string | undefined {
  const texts = list.by.map(name => textOf(item, name))
  return texts.includes(undefined) ? undefined : listKey(list, id, texts as string[])
}

function listKey({ path }: GrowOnlyList, id: string, texts: readonly string[]): string {
  return JSON.stringify([path.at(-1)!, id, ...texts])
}
