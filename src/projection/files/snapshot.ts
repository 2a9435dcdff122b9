// The whole frontier of what this replica holds now (protocol/frontier.md, F20 to F22): a frontier.json, or the files of a `.vela`
// repository. Equal logs of one owner give equal bytes, on whatever replica.

import { concat, fromHex, utf8 } from '../../base/bytes.ts'
import { type CooperativeTask, runCooperatively } from '../../base/cooperative.ts'
import { hasCode } from '../../base/errors.ts'
import { compareText } from '../../base/text.ts'
import { validatedKeyVerifier } from '../../crypto/validated-keys.ts'
import { readEvent } from '../../event/event.ts'
import { printJson, printString } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { contextOf, type Replica } from '../../replica/replica.ts'
import type { ReplicaContext } from '../../replica/replica-context.ts'
import { type FrontierFile, readFrontierTask } from '../../vela/files/frontier-file.ts'
import { isAuthoritativeKey } from '../event-index.ts'
import { actorsIn } from '../initial-state.ts'
import { filesOf, selectBase } from './base-selection.ts'
import { type Joined, joinFrontierInPieces, proposalsIn } from './join.ts'
import { type LogContents, readLogContents } from './log-events.ts'
import { repositoryFiles } from './repository.ts'
import type { RepositoryFile } from './split.ts'

const ITEMS_PER_PIECE = 128

export interface FrontierSnapshot {
  readonly file: FrontierFile
  /** Canonical JSON, UTF-8: the frontier.json. */
  readonly text: Uint8Array
}

/**
 * With `nodes` as it was when the log had so many.
 * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_NOT_FOUND for a document that isn't here, ERR_STORE_CORRUPT
 */
export async function exportFrontier(
  replica: Replica,
  frontier: string,
  options: { nodes?: number } = {},
): Promise<FrontierSnapshot> {
  const log = await logOf(contextOf(replica), frontier, options.nodes)
  const text = await runCooperatively(snapshotText(log, await runCooperatively(joined(log))))
  return { file: await runCooperatively(readFrontierTask(text, { broken: 'keep' })), text }
}

/** The files of a repository, with the frontier.json among them where it came as a file or with one. @throws as wholeFrontier does */
export async function exportRepository(replica: Replica, frontier: string): Promise<RepositoryFile[]> {
  const log = await logOf(contextOf(replica), frontier)
  const whole = await runCooperatively(joined(log))
  const files = log.base === undefined ? undefined : filesOf(log.base, log)
  return repositoryFiles(whole, { frontier, files, text: await runCooperatively(snapshotText(log, whole)) })
}

export interface BaseView {
  /** CID of the document. */
  readonly document: string
  readonly counts: boolean
  /** Whose nodes link it; `hub` is undefined for a key that isn't registered. */
  readonly linkedBy: readonly { readonly hub: string | undefined; readonly key: string }[]
}

/** What looks like a base document, in the order of the last nodes that link it (F19). @throws ReplicaError ERR_FRONTIER_UNKNOWN */
export async function baseDocuments(replica: Replica, frontier: string): Promise<BaseView[]> {
  const context = contextOf(replica)
  const { registry } = context.frontier(frontier)
  const hubOf = (key: string) => (registry.ownKeys.includes(key) ? context.hubId : registry.byKey(fromHex(key)!)?.id)
  const { bases } = await logOf(context, frontier)
  return bases.map(({ document, counts, keys }) => ({
    document,
    counts,
    linkedBy: keys.map(key => ({ hub: hubOf(key), key })),
  }))
}

function logOf(context: ReplicaContext, name: string, nodes = context.frontier(name).log.nodes): Promise<LogContents> {
  const { log, registry, documents } = context.frontier(name)
  const source = { log: log.snapshot(nodes), registry, documents }
  return readLogContents(source, key => isAuthoritativeKey(registry, context.hubId, key))
}

function* joined(log: LogContents): CooperativeTask<Joined> {
  const baseDocument = selectBase(log)
  return yield* joinFrontierInPieces(baseDocument, log.events, {
    authorities: { actors: actorsIn(baseDocument.members), verify: validatedKeyVerifier() },
    proposals: proposalsIn(log.documents.values()),
    precedes: log.precedes,
  })
}

/** Canonical JSON of all members; lists are printed a part at a time. */
function* snapshotText({ base }: LogContents, { members, events }: Joined): CooperativeTask<Uint8Array> {
  const hasNone = base !== undefined && base.events === undefined && events.length === 0
  // A frontier file keeps what it had among its events, even what is none.
  const list = base?.files === undefined ? events.map(({ value }) => value) : eventList(events)
  const all = hasNone ? members : new Map(members).set('events', list)
  const parts: Uint8Array[] = []
  for (const name of [...all.keys()].sort(compareText)) {
    const value = all.get(name)!
    parts.push(utf8(parts.length === 0 ? '{' : ','))
    if (Array.isArray(value)) {
      parts.push(utf8(`${printString(name)}:`))
      yield* listText(value, parts)
    } else parts.push(utf8(printJson(new Map([[name, value]])).slice(1, -1)))
    yield
  }
  return concat([...parts, utf8(parts.length === 0 ? '{}' : '}')])
}

function* listText(list: readonly Json[], parts: Uint8Array[]): CooperativeTask<void> {
  parts.push(utf8('['))
  for (let at = 0; at < list.length; at += ITEMS_PER_PIECE) {
    // As deep as they stand in the file.
    const inside = printJson([list.slice(at, at + ITEMS_PER_PIECE)]).slice(2, -2)
    parts.push(utf8(at === 0 ? inside : `,${inside}`))
    yield
  }
  parts.push(utf8(']'))
}

/** What a repository had among its events and is none is no event of a frontier file, which nobody could read with it. */
function eventList(events: Joined['events']): Json[] {
  return events.filter(({ value, event }) => event !== undefined || isEvent(value)).map(({ value }) => value)
}

function isEvent(value: Json): boolean {
  try {
    readEvent(printJson(value))
    return true
  } catch (error) {
    if (!hasCode(error)) throw error
    return false
  }
}
