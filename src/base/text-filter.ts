// The form of a filter over the texts of events, for the operator's choice and for the wire.
// Spec: protocol/text.md, X24.

/** Names in each list of a filter. */
export const FILTER_NAMES_MAX = 64
/** UTF-8 bytes of one name. */
export const FILTER_NAME_BYTES_MAX = 256
/** Bytes of the instant. */
const SINCE_BYTES_MAX = 64

/** A filter: an event matches if it matches each member. It has at least one member. */
export interface TextFilter {
  /** RFC 3339: events of this instant or later. */
  readonly since?: string
  /** Events of one of these kinds; 1 to 64. */
  readonly kinds?: readonly string[]
  /** Events about one of these targets, by id; 1 to 64. */
  readonly targets?: readonly string[]
}

/** Which texts a replica keeps: all, none (a skeleton), or those of matching events. */
export type KeptTexts = 'all' | 'none' | TextFilter

const MEMBERS = new Set(['since', 'kinds', 'targets'])

/** Returns whether a value from a peer or a record is a filter. The instant is not parsed. */
export function isTextFilter(value: unknown): value is TextFilter {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const names = Object.keys(value)
  if (names.length === 0 || names.some(name => !MEMBERS.has(name))) return false
  const { since, kinds, targets } = value as { [name: string]: unknown }
  const isInstant = since === undefined || (typeof since === 'string' && since.length <= SINCE_BYTES_MAX)
  return isInstant && [kinds, targets].every(list => list === undefined || isNameList(list))
}

function isNameList(list: unknown): boolean {
  if (!Array.isArray(list) || list.length === 0 || list.length > FILTER_NAMES_MAX) return false
  return list.every(name => typeof name === 'string' && Buffer.byteLength(name) <= FILTER_NAME_BYTES_MAX)
}
