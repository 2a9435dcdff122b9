// The event contract, as `frontier-replica/vela`: lossless JSON, canonical form, events, logs in files, frontier names.
// Pure: no store, no network, no clock. Specification: protocol/event.md.

export { canonicalize, isCanonical } from './canonical.ts'
export { readDraft } from './draft.ts'
export {
  actorType,
  checkEvent,
  type EventDraft,
  type EventHead,
  type EventReading,
  eventHash,
  eventLabel,
  eventSignature,
  eventSigningBytes,
  importEvent,
  labelId,
  makeEvent,
  readEvent,
  type SignatureForm,
} from './event.ts'
export { FRONTIER_SCHEMA_VERSION, frontierNameOf, type Genesis, genesisName, makeGenesis } from './frontier.ts'
export { fromJson, type ParseOptions, parseJson, printJson, toJson } from './json.ts'
export { type EventLog, type RawEvent, readLog } from './log.ts'
export type { NumberReading } from './number.ts'
export { type Json, JsonNumber } from './value.ts'
