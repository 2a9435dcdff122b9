// Frontier names and genesis events. The name of a frontier is `vfr_` and 16 hex digits
// (base/frontier-id.ts checks the form); the genesis event of a new frontier determines it. Spec:
// protocol/event.md, V22 and V23.

import { sha256, toHex, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { isFrontierId } from '../base/frontier-id.ts'
import type { EventLog } from '../json/event-array-reader.ts'
import { parseJson, printJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { type CheckedEvent, type EventReading, makeEvent, readEvent } from './event.ts'

const GENESIS_KIND = 'frontier.created'

/** Schema version of frontiers that this implementation writes in a genesis event. */
export const FRONTIER_SCHEMA_VERSION = '0.10.0'

/**
 * Returns the frontier name of a file: the stored `frontier_id`; else the name from the first
 * event, if it is a genesis event; else the name from the meta data of the file. Undefined if the
 * file has none of them.
 * @throws ReplicaError ERR_FRONTIER_ID for a `frontier_id` of another form; as `readEvent` does for
 * the first event
 */
export function frontierNameOf(log: EventLog): string | undefined {
  return storedName(log) ?? firstEventName(log) ?? metaName(log)
}

/**
 * Returns the name of the frontier that this genesis event starts; undefined for any other event.
 */
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

/**
 * Returns the name that follows from a frontier's meta data; undefined unless all three are given.
 */
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

/** Contents of a genesis event. */
export interface Genesis {
  readonly name: string
  /** Program that makes the frontier, for example `replica/0.1.0`. */
  readonly creator: string
  /** RFC 3339. */
  readonly timestamp: string
  /** Default: FRONTIER_SCHEMA_VERSION. */
  readonly schemaVersion?: string
}

/**
 * Makes the first event of a new frontier. The digits of the frontier's name are those of the
 * event's id.
 */
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
