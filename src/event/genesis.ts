// The name of a frontier, `vfr_` and 16 hex digits, and the genesis event that names a new one (protocol/event.md, V22,
// V23).

import { sha256, toHex, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { isFrontierId } from '../base/frontier-id.ts'
import type { EventLog } from '../json/event-array-reader.ts'
import { parseJson, printJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { type CheckedEvent, type EventReading, makeEvent, readEvent } from './event.ts'

const GENESIS_KIND = 'frontier.created'

/** The schema version of frontiers that this implementation writes in a genesis event. */
export const FRONTIER_SCHEMA_VERSION = '0.10.0'

/**
 * The name that a log gives itself: the stored `frontier_id`; else that of its first event when it is a genesis event;
 * else that of the frontier file's name, compiled_at and compiler. Undefined when it has none of them.
 * @throws ReplicaError ERR_FRONTIER_ID for a stored id that is no frontier name; as readEvent does for the first event
 */
export function frontierNameOf(log: EventLog): string | undefined {
  return storedName(log) ?? firstEventName(log) ?? metaName(log)
}

/** The name of the frontier that this event begins; undefined when it is no genesis event. */
export function genesisName(event: Pick<EventReading, 'head' | 'computedId'>): string | undefined {
  return event.head.kind === GENESIS_KIND ? event.computedId.replace('vev_', 'vfr_') : undefined
}

function storedName({ frontierId }: EventLog): string | undefined {
  const name = frontierId === undefined ? null : parseJson(frontierId)
  if (name === null) return undefined
  if (typeof name === 'string' && isFrontierId(name)) return name
  throw new ReplicaError('ERR_FRONTIER_ID', 'the frontier_id of the file must be vfr_ and 16 lower-case hex digits')
}

function firstEventName(log: EventLog): string | undefined {
  for (const first of log.events()) return genesisName(readEvent(first.text))
  return undefined
}

function metaName({ meta }: EventLog): string | undefined {
  const block = meta === undefined ? undefined : parseJson(meta)
  if (!(block instanceof Map)) return undefined
  return nameOfMeta({
    compiled_at: stringOf(block, 'compiled_at'),
    compiler: stringOf(block, 'compiler'),
    name: stringOf(block, 'name'),
  })
}

function stringOf(block: ReadonlyMap<string, Json>, key: string): string | undefined {
  const value = block.get(key)
  return typeof value === 'string' ? value : undefined
}

/** Returns the name that follows from a frontier's meta data; undefined unless all three are given. */
export function nameOfMeta(meta: {
  readonly compiled_at?: string | undefined
  readonly compiler?: string | undefined
  readonly name?: string | undefined
}): string | undefined {
  const { compiled_at, compiler, name } = meta
  if (compiled_at === undefined || compiler === undefined || name === undefined) return undefined
  const block = new Map(Object.entries({ compiled_at, compiler, name }))
  return `vfr_${toHex(sha256(utf8(printJson(block))).subarray(0, 8))}`
}

export interface Genesis {
  readonly name: string
  /** The program that makes the frontier, as `replica/0.1.0`. */
  readonly creator: string
  readonly timestamp: string
  readonly schemaVersion?: string
}

/** The first event of a new frontier, and the frontier's name, whose digits are those of the event's id. */
export function makeGenesis(genesis: Genesis): CheckedEvent & { readonly frontier: string } {
  const { name, creator, timestamp, schemaVersion = FRONTIER_SCHEMA_VERSION } = genesis
  const event = makeEvent({
    kind: GENESIS_KIND,
    target: { type: 'frontier', id: name },
    actor: { id: creator, type: 'frontier' },
    timestamp,
    reason: 'frontier compiled',
    payload: { name, creator, schema_version: schemaVersion, compiled_at: timestamp },
  })
  return { frontier: event.head.id.replace('vev_', 'vfr_'), ...event }
}
