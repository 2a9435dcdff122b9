// Exports a whole frontier: a frontier.json, or the files of a `.vela` repository. Equal logs of
// one owner give equal bytes on every replica. Spec: protocol/frontier.md, F20 to F22.

import { concat, fromHex, utf8 } from '../../base/bytes.ts'
import { type CooperativeTask, runCooperatively } from '../../base/cooperative.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { compareText } from '../../base/text.ts'
import { validatedKeyVerifier } from '../../crypto/validated-keys.ts'
import { readEvent } from '../../event/event.ts'
import { printJson, printString } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { contextOf, type Replica } from '../../replica/replica.ts'
import type { ReplicaContext } from '../../replica/replica-context.ts'
import { withheldTexts } from '../../store/store.ts'
import { type FrontierFile, readFrontierTask } from '../../vela/files/frontier-file.ts'
import { isAuthoritativeKey } from '../event-index.ts'
import { actorsIn } from '../initial-state.ts'
import { filesOf, selectBase } from './base-selection.ts'
import { type Joined, joinFrontierInPieces, proposalsIn } from './join.ts'
import { type LogContents, readLogContents } from './log-events.ts'
import { repositoryFiles } from './repository.ts'
import type { RepositoryFile } from './split.ts'

const ITEMS_PER_PIECE = 128

/** A whole frontier at one moment. */
export interface FrontierSnapshot {
  /** The file, read. */
  readonly file: FrontierFile
  /** Canonical JSON of the frontier.json, UTF-8. */
  readonly text: Uint8Array
  readonly absent: AbsentTexts
}

/** Numbers of nodes whose events a result leaves out. */
export interface AbsentTexts {
  /** The text exists, but is not here: the result is not complete. */
  readonly withheld: number
  /** Nobody has the text any more: hashes differ from those that were published before. */
  readonly erased: number
}

/**
 * Returns how many nodes of a frontier have no text here.
 * @throws ReplicaError ERR_FRONTIER_UNKNOWN
 */
export function absentTexts(replica: Replica, frontier: string): AbsentTexts {
  const { log } = contextOf(replica).frontier(frontier)
  return { withheld: withheldTexts(log), erased: log.texts().erased }
}

/**
 * Checks that the texts of all nodes are here, or erased.
 * @throws ReplicaError ERR_TEXT_WITHHELD, with the number of those that are not
 */
export function requireTexts({ withheld }: AbsentTexts, frontier: string): void {
  if (withheld === 0) return
  const message = `${frontier} is not complete here: number of withheld texts: ${withheld}`
  throw new ReplicaError('ERR_TEXT_WITHHELD', message, { facts: { frontier, withheld } })
}

/**
 * Exports a frontier as a frontier.json; with `nodes`, of the log's first nodes.
 * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_NOT_FOUND for a missing document,
 * ERR_STORE_CORRUPT
 */
export async function exportFrontier(
  replica: Replica,
  frontier: string,
  options: { nodes?: number } = {},
): Promise<FrontierSnapshot> {
  const log = await logOf(contextOf(replica), frontier, options.nodes)
  const text = await runCooperatively(snapshotText(log, await runCooperatively(joined(log))))
  const file = await runCooperatively(readFrontierTask(text, { broken: 'keep' }))
  return { file, text, absent: absentTexts(replica, frontier) }
}

/**
 * Exports a frontier as the files of a repository, with a frontier.json if it was imported with
 * one.
 * @throws ReplicaError as `exportFrontier`
 */
export async function exportRepository(replica: Replica, frontier: string): Promise<RepositoryFile[]> {
  const log = await logOf(contextOf(replica), frontier)
  const whole = await runCooperatively(joined(log))
  const files = log.base === undefined ? undefined : filesOf(log.base, log)
  return repositoryFiles(whole, { frontier, files, text: await runCooperatively(snapshotText(log, whole)) })
}

/** A candidate for the base document of a frontier. */
export interface BaseView {
  /** CID of the document. */
  readonly document: string
  readonly counts: boolean
  /** Signers of the nodes that link it; `hub` is undefined for an unregistered key. */
  readonly linkedBy: readonly { readonly hub: string | undefined; readonly key: string }[]
}

/**
 * Returns the candidates for the base document, in the order of the last nodes that link them
 * (F19).
 * @throws ReplicaError ERR_FRONTIER_UNKNOWN
 */
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

/** Prints all members as canonical JSON, lists in parts. */
function* snapshotText({ base }: LogContents, { members, events }: Joined): CooperativeTask<Uint8Array> {
  const hasNone = base !== undefined && base.events === undefined && events.length === 0
  // A frontier file keeps all entries of its events, even those that are not events.
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
    // Printed at the depth that they have in the file.
    const inside = printJson([list.slice(at, at + ITEMS_PER_PIECE)]).slice(2, -2)
    parts.push(utf8(at === 0 ? inside : `,${inside}`))
    yield
  }
  parts.push(utf8(']'))
}

/**
 * Returns the list without entries that are not events, because no reader accepts a frontier file
 * with them.
 */
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
