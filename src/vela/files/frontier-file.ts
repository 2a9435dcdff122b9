// A frontier file, read without loss: all members as they are, and beside them the findings, the
// events and the id. Nothing is dropped, so the file can be written again. As in the reference, one
// malformed finding refuses the whole file, unless the caller asks for the rest.
// Spec: protocol/frontier.md, F1–F4.

import { utf8 } from '../../base/bytes.ts'
import { type CooperativeTask, runToCompletion } from '../../base/cooperative.ts'
import { type ErrorCode, hasCode, ReplicaError } from '../../base/errors.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import { excerpt } from '../../base/text.ts'
import { type EventReading, importEvent, readEvent } from '../../event/event.ts'
import { frontierNameOf } from '../../event/genesis.ts'
import { type EventLog, type RawEvent, readLog } from '../../json/event-array-reader.ts'
import { type ParseOptions, printJson } from '../../json/json.ts'
import { readRecordText } from '../../json/record.ts'
import { type Json, JsonNumber } from '../../json/value.ts'

/** The verdicts of a review, as they are spelled in files. */
export const REVIEW_STATES = ['accepted', 'contested', 'needs_revision', 'rejected'] as const
/** One of REVIEW_STATES. */
export type ReviewState = (typeof REVIEW_STATES)[number]

/** A finding: the members that frontiers are compared by, and all members. */
export interface Finding {
  /** `vf_…` */
  readonly id: string
  readonly text: string
  /** Confidence; not limited to a range. */
  readonly score: number
  readonly retracted: boolean
  readonly superseded: boolean
  readonly review_state: ReviewState | undefined
  /** All members, unknown ones included. */
  readonly body: ReadonlyMap<string, Json>
}

/** A frontier file as it was read. */
export interface FrontierFile {
  /** `vfr_` and 16 hex digits. Spec: protocol/event.md, V22. */
  readonly id: string
  /** All members of the file, unknown ones and the events included. */
  readonly members: ReadonlyMap<string, Json>
  /** In the order of the file; an id may occur twice. */
  readonly findings: readonly Finding[]
  /**
   * In the order of the file. An event's id may differ from its content's: compare `head.id` with
   * `computedId`.
   */
  readonly events: readonly EventReading[]
  /**
   * Malformed findings and events, which are in `members` but not in the lists above. Empty unless
   * `broken` is `keep`.
   */
  readonly unread: readonly Unread[]
}

/** A malformed finding or event of a frontier file. */
export interface Unread {
  readonly list: 'findings' | 'events'
  /** Index in the list, from 0. */
  readonly index: number
  readonly id?: string
  readonly code: ErrorCode
  readonly reason: string
}

/** The parts of both files that could not be read, ours first. */
export function unreadOf(sides: {
  ours: FrontierFile
  theirs: FrontierFile | undefined
}): (Unread & { readonly side: 'ours' | 'theirs' })[] {
  const named = (side: 'ours' | 'theirs') => (sides[side]?.unread ?? []).map(one => ({ side, ...one }))
  return [...named('ours'), ...named('theirs')]
}

/** How a frontier file is read. */
export interface FrontierReading extends ParseOptions {
  /**
   * A malformed finding or event refuses the file (`refuse`, the default) or is listed in `unread`
   * (`keep`).
   */
  readonly broken?: 'refuse' | 'keep'
}

const FORM = { what: 'frontier', code: 'ERR_FRONTIER' } as const

/**
 * Reads a frontier file of at most `FETCH_LIMITS.frontierBytesMax` bytes (128 MiB).
 * @throws ReplicaError ERR_JSON; ERR_FRONTIER for a file that is too long or malformed;
 *   ERR_FRONTIER_ID for a malformed stored id; the errors of readEvent for an event
 */
export function readFrontier(file: string | Uint8Array, options: FrontierReading = {}): FrontierFile {
  return runToCompletion(readFrontierTask(file, options))
}

/**
 * Returns readFrontier as a cooperative task, which yields between parts.
 * @throws ReplicaError as readFrontier
 */
export function* readFrontierTask(
  file: string | Uint8Array,
  { numbers = 'reference', broken = 'refuse' }: FrontierReading = {},
): CooperativeTask<FrontierFile> {
  const bytes = typeof file === 'string' ? utf8(file) : file
  const { frontierBytesMax } = FETCH_LIMITS
  if (bytes.length > frontierBytesMax)
    throw refusal(`the file has ${bytes.length} bytes; the limit is ${frontierBytesMax}`)
  const record = readRecordText(FORM, bytes, numbers)
  yield
  const members = record.rest()
  const list = checkMembers(members)
  const unread: Unread[] = []
  const found = broken === 'keep' ? unread : undefined
  const findings = readFindings(list, found)
  const raw = rawEvents(bytes, members)
  const values = members.get('events') as readonly Json[] | undefined
  const events: EventReading[] = []
  for (const [index, event] of raw.entries()) {
    if (index % EVENTS_PER_STEP === 0) yield
    const place = { list: 'events' as const, index, ...idIn(values?.[index] ?? null) }
    events.push(...attempt(place, () => readOneEvent(event), found))
  }
  // A malformed first event gives no id.
  const naming = unread.some(({ list: of, index }) => of === 'events' && index === 0) ? [] : raw
  return { id: nameOf(members, naming), members, findings, events, unread }
}

/**
 * Returns the findings of a list. Malformed ones are added to `unread`; without it they throw.
 * @throws ReplicaError ERR_FRONTIER
 */
export function readFindings(list: readonly Json[], unread?: Unread[]): Finding[] {
  return list.flatMap((value, index) => {
    const place = { list: 'findings' as const, index, ...idIn(value) }
    return attempt(place, () => readFinding(value), unread)
  })
}

/**
 * Returns the result of `read` in a list; an empty list after an error that is added to `unread`.
 */
function attempt<R>(place: Omit<Unread, 'code' | 'reason'>, read: () => R, unread: Unread[] | undefined): R[] {
  try {
    return [read()]
  } catch (error) {
    if (!hasCode(error) || unread === undefined) throw error
    unread.push({ ...place, code: error.code, reason: error.message })
    return []
  }
}

function idIn(value: Json): { id?: string } {
  const id = value instanceof Map ? value.get('id') : undefined
  return typeof id === 'string' ? { id } : {}
}

/**
 * Checks the required members and returns the list of findings.
 * @throws ReplicaError ERR_FRONTIER
 */
function checkMembers(members: ReadonlyMap<string, Json>): readonly Json[] {
  for (const name of ['vela_version', 'schema'])
    if (typeof members.get(name) !== 'string') throw refusal(`${name} is missing or not a string`)
  checkMeta(members.get('frontier'))
  if (!(members.get('stats') instanceof Map)) throw refusal('stats is not an object')
  for (const name of LISTS) {
    if (members.has(name) && !Array.isArray(members.get(name))) throw refusal(`${name} is not a list`)
  }
  const findings = members.get('findings')
  if (!Array.isArray(findings)) throw refusal('findings is not a list')
  return findings
}

const EVENTS_PER_STEP = 256

const LISTS = ['events', 'sources', 'evidence_atoms', 'condition_records', 'proposals', 'signatures', 'actors', 'peers']

/** Reads one finding. @throws ReplicaError ERR_FRONTIER */
export function readFinding(value: Json): Finding {
  if (!(value instanceof Map)) throw refusal('a finding is no object')
  const id = value.get('id')
  if (typeof id !== 'string') throw refusal('a finding has no id')
  const broken = (reason: string) => refusal(`finding ${excerpt(id)}: ${reason}`)
  const inside = (name: string): ReadonlyMap<string, Json> => {
    const object = value.get(name)
    if (object instanceof Map) return object
    throw broken(`${name} is not an object`)
  }
  const text = inside('assertion').get('text')
  if (typeof text !== 'string') throw broken('assertion.text is not a string')
  const score = inside('confidence').get('score')
  if (!(score instanceof JsonNumber)) throw broken('confidence.score is no number')
  const flags = inside('flags')
  const flag = (name: string): boolean => {
    const set = flags.get(name) ?? false
    if (typeof set === 'boolean' && flags.get(name) !== null) return set
    throw broken(`flags.${name} is not a boolean`)
  }
  const verdict = flags.get('review_state') ?? undefined
  const review_state = REVIEW_STATES.find(state => state === verdict)
  if (verdict !== review_state) throw broken('flags.review_state is not a known verdict')
  const [retracted, superseded] = [flag('retracted'), flag('superseded')]
  return { id, text, score: score.toNumber(), retracted, superseded, review_state, body: value }
}

/**
 * Returns the canonical JSON of the whole file. Reading it again gives the same members, events and
 * hashes.
 */
export function printFrontier(frontier: Pick<FrontierFile, 'members'>): string {
  return printJson(new Map(frontier.members))
}

function checkMeta(meta: Json | undefined): void {
  if (!(meta instanceof Map)) throw refusal('frontier is not an object')
  for (const name of ['name', 'description', 'compiled_at', 'compiler']) {
    if (typeof meta.get(name) !== 'string') throw refusal(`frontier.${name} is not a string`)
  }
}

/**
 * Returns each event in its original bytes, because its id may need another reading of numbers than
 * the file.
 */
function rawEvents(bytes: Uint8Array, members: ReadonlyMap<string, Json>): RawEvent[] {
  if (!members.has('events')) return []
  if (members.has('kind')) throw refusal('the file has both events and kind')
  const log = readLog(bytes)
  if (log.form !== 'frontier') throw refusal('the member name events contains escapes')
  return [...log.events()]
}

/**
 * Accepts an event whose id does not match: reading is not admission, the reference ignores ids,
 * and hashes cover them.
 */
function readOneEvent({ text }: RawEvent): EventReading {
  try {
    return importEvent(text)
  } catch (error) {
    if (!hasCode(error, 'ERR_EVENT_ID')) throw error
    return readEvent(text)
  }
}

function nameOf(members: ReadonlyMap<string, Json>, events: readonly RawEvent[]): string {
  const textOf = (name: string): Uint8Array | undefined => {
    const value = members.get(name)
    return value === undefined ? undefined : utf8(printJson(value))
  }
  const named: EventLog = {
    form: 'frontier',
    frontierId: textOf('frontier_id'),
    meta: textOf('frontier'),
    *events() {
      yield* events
    },
  }
  // checkMeta guarantees a name, a time and a compiler, so the file always has an id.
  return frontierNameOf(named)!
}

function refusal(reason: string): ReplicaError {
  return new ReplicaError(FORM.code, `${FORM.what}: ${reason}`)
}
