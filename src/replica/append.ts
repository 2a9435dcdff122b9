// Appends events: drafts, existing events, a genesis event or a merge event. Events that wait at
// the same time are one group: they are built in the order of the calls, each on the one before it,
// and share one commit. Spec: protocol/admission.md, D14.

import { yieldToEventLoop } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { APPEND_LIMITS } from '../base/limits.ts'
import { Deferred } from '../base/mutex.ts'
import { isBlank } from '../base/text.ts'
import { PACKAGE_VERSION } from '../base/version.ts'
import { cidText } from '../cbor/cid.ts'
import { draftOfValue, isWholeEvent, readDraft } from '../event/draft.ts'
import { type CheckedEvent, type EventDraft, importEvent, makeEvent } from '../event/event.ts'
import { makeGenesis } from '../event/genesis.ts'
import { printJson, toJson } from '../json/json.ts'
import type { DocumentLink } from '../node/schema.ts'
import type { Frontier } from './frontier.ts'
import { findRow } from './log-reader.ts'
import { type MadeNode, NodeBuilder, type PreparedEvent, prepareEvent } from './node-builder.ts'
import { nodeView } from './node-view.ts'
import type { ReplicaContext } from './replica-context.ts'

/**
 * A draft, or the JSON text of a draft or of a whole event with its id. A draft given as a value is
 * read like its JSON text.
 */
export type AppendInput = EventDraft | string | Uint8Array

/** Events to append, in their order. */
export type AppendInputs = Iterable<AppendInput> | AsyncIterable<AppendInput>

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
  return context.resource(AppendGroups).append(target, event)
}

/** Appends events in their order, in groups. The reports have the order of the events. */
export async function appendEvents(
  context: ReplicaContext,
  { frontier, events }: { readonly frontier: string; readonly events: AppendInputs },
): Promise<AppendReport[]> {
  const target = context.frontier(frontier)
  const groups = context.resource(AppendGroups)
  const reports: AppendReport[] = []
  let waiting: Promise<AppendReport>[] = []
  const settle = async (): Promise<void> => {
    const some = waiting
    waiting = []
    await Promise.allSettled(some) // an event that fails alone does so before the others are durable
    for (const report of await Promise.all(some)) reports.push(report)
  }
  try {
    for await (const input of events) {
      waiting.push(groups.append(target, prepareEvent(readInput(context, input))))
      if (waiting.length >= APPEND_LIMITS.groupEventsMax) await settle()
    }
  } finally {
    await settle()
  }
  return reports
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
  return context.resource(AppendGroups).append(target, prepareEvent(genesis))
}

/**
 * Appends a `frontier.merged` event that joins all heads.
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
    payload: { heads: log.headCount },
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

/** One event of a group. */
interface Waiting {
  readonly event: PreparedEvent
  readonly report: Deferred<AppendReport>
}

/** Events of one frontier that wait for the same commit. */
interface Group {
  readonly waiting: Waiting[]
  bytes: number
}

/**
 * The groups of a replica's appends. A group takes events until the frontier is free for it, or
 * until it is full. It has its place among the other local tasks of the frontier from its first
 * event on.
 */
export class AppendGroups {
  readonly #context: ReplicaContext
  /** For each frontier, the group that still takes events. */
  readonly #open = new Map<Frontier, Group>()
  readonly #running = new Set<Promise<void>>()

  constructor(context: ReplicaContext) {
    this.#context = context
  }

  /** Adds an event. Returns its report after the commit of its group. */
  append(frontier: Frontier, event: PreparedEvent): Promise<AppendReport> {
    const report = new Deferred<AppendReport>()
    const group = this.#open.get(frontier) ?? this.#start(frontier)
    group.waiting.push({ event, report })
    group.bytes += event.text.length
    const isFull = group.waiting.length >= APPEND_LIMITS.groupEventsMax || group.bytes >= APPEND_LIMITS.groupBytes
    if (isFull) this.#open.delete(frontier)
    return report.promise
  }

  /** Waits for the events that were added. */
  async close(): Promise<void> {
    await Promise.all(this.#running)
  }

  #start(frontier: Frontier): Group {
    const group: Group = { waiting: [], bytes: 0 }
    this.#open.set(frontier, group)
    const run = frontier.exclusive(async () => {
      if (this.#open.get(frontier) === group) this.#open.delete(frontier)
      await appendGroup(this.#context, frontier, group.waiting)
    })
    this.#running.add(run)
    void run.finally(() => this.#running.delete(run))
    return group
  }
}

/** Appends the events of a group and settles their reports. Does not throw. */
async function appendGroup(context: ReplicaContext, frontier: Frontier, waiting: readonly Waiting[]): Promise<void> {
  const builder = new NodeBuilder(frontier, context)
  try {
    const made = await buildAll(builder, waiting)
    await builder.drain()
    await reportAll(frontier, waiting, made)
    context.checkHeads(frontier.log.name)
  } catch (error) {
    await builder.close()
    for (const { report } of waiting) report.reject(error) // does nothing where the event has failed alone
  }
}

/**
 * Builds the nodes of new events. An event that cannot be appended fails alone. The result has no
 * node for such an event, nor for one that is stored or that occurs twice.
 */
async function buildAll(builder: NodeBuilder, waiting: readonly Waiting[]): Promise<Map<Waiting, MadeNode>> {
  const known = await builder.known(waiting.map(({ event }) => event))
  const made = new Map<Waiting, MadeNode>()
  for (const [i, one] of waiting.entries()) {
    if (i > 0 && i % APPEND_LIMITS.eventsPerTurn === 0) await yieldToEventLoop()
    if (known[i] || builder.made(one.event)) continue
    try {
      made.set(one, await buildNode(builder, one.event))
    } catch (error) {
      one.report.reject(error)
    }
  }
  return made
}

async function buildNode(builder: NodeBuilder, event: PreparedEvent): Promise<MadeNode> {
  const made = await builder.build(event)
  if (made !== undefined) return made
  const named = event.head.parents?.join(', ')
  throw new ReplicaError('ERR_EVENT_PARENT', `the event has a parent that this store lacks: ${named}`)
}

/** Settles the reports of a group whose nodes are durable. */
async function reportAll(
  { log }: Frontier,
  waiting: readonly Waiting[],
  made: ReadonlyMap<Waiting, MadeNode>,
): Promise<void> {
  const places = await log.locate([...made.values()].map(({ digest }) => digest))
  let at = 0
  for (const one of waiting) {
    const node = made.get(one)
    const { event, report } = one
    const named = { frontier: log.name, event: event.head.id, known: node === undefined }
    if (node !== undefined) {
      const { digest, height, parents } = node
      const { seq } = places[at++]!
      report.resolve({ ...named, cid: cidText(digest), seq, height, parents: parents.map(parent => cidText(parent)) })
    } else if (!report.isSettled) {
      const { cid, height, parents, seq } = nodeView(await findRow(log, event))
      report.resolve({ ...named, cid, seq, height, parents })
    }
  }
}
