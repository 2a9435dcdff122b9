// Appends single events: a draft, an existing event, a genesis event or a merge event.

import { ReplicaError } from '../base/errors.ts'
import { NODE_LIMITS } from '../base/limits.ts'
import { isBlank } from '../base/text.ts'
import { PACKAGE_VERSION } from '../base/version.ts'
import { draftOfValue, isWholeEvent, readDraft } from '../event/draft.ts'
import { type CheckedEvent, type EventDraft, importEvent, makeEvent } from '../event/event.ts'
import { makeGenesis } from '../event/genesis.ts'
import { printJson, toJson } from '../json/json.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { FrontierStore, NodeRow } from '../store/store.ts'
import type { Frontier } from './frontier.ts'
import { findRow } from './log-reader.ts'
import { NodeBuilder, type PreparedEvent, prepareEvent } from './node-builder.ts'
import { nodeView } from './node-view.ts'
import type { ReplicaContext } from './replica-context.ts'

/**
 * A draft, or the JSON text of a draft or of a whole event with its id. A draft given as a value is
 * read like its JSON text.
 */
export type AppendInput = EventDraft | string | Uint8Array

/** The node that carries an appended event. */
export interface AppendReport {
  readonly frontier: string
  /** CID of the node. */
  readonly cid: string
  /** Id of the event, `vev_` and 16 hex digits. */
  readonly event: string
  /** Place of the node in this store's log, from 0. */
  readonly seq: number
  /** Length of the longest path to a node without parents. */
  readonly height: number
  /** CIDs of the parents. */
  readonly parents: readonly string[]
  /**
   * True if a node already carried this event. Then nothing was added, and the report describes
   * that node.
   */
  readonly known: boolean
}

/** Options of an append. */
export interface AppendOptions {
  /** Documents that the node links. Store them first with `documents(frontier).put`. */
  readonly links?: readonly DocumentLink[]
}

export async function appendEvent(
  context: ReplicaContext,
  { frontier, event: input }: { readonly frontier: string; readonly event: AppendInput },
  { links = [] }: AppendOptions = {},
): Promise<AppendReport> {
  const target = context.frontier(frontier)
  const event = prepareEvent(readInput(context, input), links)
  return target.exclusive(() => addEvent(context, target, event))
}

/** Creates a frontier. Its name is made from the id of its genesis event. */
export async function createFrontier(
  context: ReplicaContext,
  options: { name: string; creator?: string },
): Promise<AppendReport> {
  const { name, creator = `replica/${PACKAGE_VERSION}` } = options
  if (isBlank(name)) throw new ReplicaError('ERR_USAGE', 'a frontier must have a name')
  const genesis = makeGenesis({ name, creator, timestamp: context.now() })
  const target = await context.openFrontier(genesis.frontier)
  return target.exclusive(() => addEvent(context, target, prepareEvent(genesis)))
}

/**
 * Appends a `frontier.merged` event that joins the heads. If a node cannot name all of them, it
 * joins the first in byte order.
 */
export async function mergeHeads(
  context: ReplicaContext,
  frontier: string,
  options: { reason: string; actor?: string },
): Promise<AppendReport> {
  const { reason, actor } = options
  const { log } = context.frontier(frontier)
  if (isBlank(reason)) throw new ReplicaError('ERR_USAGE', 'a merge must have a reason')
  if (log.headCount < 2) {
    throw new ReplicaError('ERR_USAGE', `${frontier} has fewer than two heads: there is nothing to merge`)
  }
  const event: EventDraft = {
    kind: 'frontier.merged',
    target: { type: 'frontier', id: frontier },
    actor: actor === undefined ? { id: context.hubId, type: 'system' } : { id: actor },
    reason,
    payload: { heads: Math.min(log.headCount, NODE_LIMITS.parentsMax) },
  }
  return appendEvent(context, { frontier, event })
}

function readInput(context: ReplicaContext, input: AppendInput): CheckedEvent {
  const made = (draft: EventDraft) => makeEvent({ timestamp: context.now(), ...draft })
  if (typeof input === 'string' || input instanceof Uint8Array)
    return isWholeEvent(input) ? importEvent(input) : made(readDraft(input))
  const value = toJson(input)
  return value instanceof Map && value.has('id') ? importEvent(printJson(value)) : made(draftOfValue(value))
}

async function addEvent(context: ReplicaContext, frontier: Frontier, event: PreparedEvent): Promise<AppendReport> {
  const builder = new NodeBuilder(frontier, context.key)
  const [known = false] = await builder.known([event])
  const row = known ? await findRow(frontier.log, event) : await addNode(frontier.log, builder, event)
  const { cid, height, parents, seq } = nodeView(row)
  context.checkHeads(frontier.log.name)
  return { frontier: frontier.log.name, cid, event: event.head.id, seq, height, parents, known }
}

async function addNode(log: FrontierStore, builder: NodeBuilder, event: PreparedEvent): Promise<NodeRow> {
  const made = await builder.build(event)
  if (made === undefined) {
    const named = event.head.parents?.join(', ')
    throw new ReplicaError('ERR_EVENT_PARENT', `the event has a parent that this store lacks: ${named}`)
  }
  await builder.drain()
  const [place] = await log.locate([made.digest])
  const [row] = await log.read([place!.seq])
  return row!
}
