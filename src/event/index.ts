// Public names of `frontier-replica/event`: events, drafts, ids, logs in files and lossless
// canonical JSON. Re-exports only. Spec: protocol/event.md.

export { isFrontierId } from '../base/frontier-id.ts'
export { type EventLog, type RawEvent, readLog } from '../json/event-array-reader.ts'
export { compareInstants, type Instant, parseInstant, readInstant } from '../json/instant.ts'
export {
  canonicalize,
  fromJson,
  isCanonical,
  type ParseOptions,
  parseJson,
  printJson,
  toJson,
} from '../json/json.ts'
export type { NumberReading } from '../json/number.ts'
export { type Json, JsonNumber } from '../json/value.ts'
export { readDraft } from './draft.ts'
export {
  actorType,
  type CheckedEvent,
  checkEvent,
  type EventDraft,
  type EventHead,
  type EventReading,
  eventHash,
  eventSignature,
  eventSigningBytes,
  type ImportedEvent,
  importEvent,
  type LoggedEvent,
  makeEvent,
  readEvent,
  type SignatureForm,
} from './event.ts'
export { EventView } from './event-view.ts'
export { FRONTIER_SCHEMA_VERSION, frontierNameOf, type Genesis, genesisName, makeGenesis } from './genesis.ts'
export type { Signer, Verify } from './signing.ts'
