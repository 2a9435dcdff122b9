// Hashes over a log of events in the order given: the log hash in both published forms, the root of
// the transparency log, and the lines of a proof. Events are in stored form, whose bytes are hashed
// unchanged. Spec: protocol/frontier.md, F12–F14.

import { concat, type Digest, sha256, toHex, utf8 } from '../../base/bytes.ts'
import { compareText } from '../../base/text.ts'
import type { LoggedEvent } from '../../event/event.ts'
import { eventHash } from '../../event/event.ts'
import { parseJson, printJson } from '../../json/json.ts'
import { type Json, JsonNumber } from '../../json/value.ts'

/**
 * `full`: events with signatures, in the order given. `content`: events without signatures, in the
 * order of their ids.
 */
export type LogHashForm = 'full' | 'content'

/**
 * Returns 64 hex digits over all events of a log.
 * @throws ReplicaError ERR_JSON; TypeError for a text that is not an event
 */
export function eventLogHash(events: readonly LoggedEvent[], form: LogHashForm): string {
  if (form === 'full') return toHex(sha256(joined(events.map(({ text }) => text))))
  const sorted = [...events].sort((a, b) => compareText(a.head.id, b.head.id))
  return toHex(sha256(joined(sorted.map(({ text }) => without(text, ['signature'])))))
}

/**
 * Returns the root (32 bytes) of the Merkle tree of RFC 6962 over the hashed contents of the events
 * in this order.
 */
export function logRoot(events: readonly LoggedEvent[]): Digest {
  // The sizes of the subtrees are decreasing powers of two; two of equal size are joined at once.
  const subtrees: { size: number; hash: Digest }[] = []
  for (const { text } of events) {
    let right = { size: 1, hash: sha256(concat([LEAF, without(text, NOT_CONTENT)])) }
    while (subtrees.at(-1)?.size === right.size) right = join(subtrees.pop()!, right)
    subtrees.push(right)
  }
  return subtrees.reduceRight((right, left) => join(left, right), subtrees.pop() ?? EMPTY).hash
}

const LEAF = new Uint8Array([0])
const BRANCH = new Uint8Array([1])
const EMPTY = { size: 0, hash: sha256(new Uint8Array()) }
const NOT_CONTENT = ['id', 'signature', 'schema_artifact_id']

function join(left: { size: number; hash: Digest }, right: { size: number; hash: Digest }): typeof left {
  return { size: left.size + right.size, hash: sha256(concat([BRANCH, left.hash, right.hash])) }
}

/**
 * Returns the lines of `proof/events.manifest.jsonl`, each as canonical JSON without its line feed.
 */
export function eventManifest(events: readonly LoggedEvent[]): string[] {
  return events.map(({ text, head }, index) => {
    const event = membersOf(text)
    const line: Record<string, Json> = {
      schema: 'vela.proof_event_manifest_entry.v0.1',
      index: JsonNumber.integer(index + 1),
      id: head.id,
      kind: head.kind,
      target: event.get('target')!,
      actor: event.get('actor')!,
      timestamp: head.timestamp,
      event_hash: `sha256:${eventHash(text)}`,
      before_hash: event.get('before_hash')!,
      after_hash: event.get('after_hash')!,
      caveat_count: JsonNumber.integer((event.get('caveats') as Json[]).length),
    }
    return printJson(new Map(Object.entries(line)))
  })
}

/**
 * Returns the lines of `proof/replay.trace.jsonl`: each event with a running hash over the events
 * up to it.
 */
export function replayTrace(events: readonly LoggedEvent[]): string[] {
  let running = ''
  return events.map(({ text, head }, index) => {
    const event_hash = `sha256:${eventHash(text)}`
    running = toHex(sha256(utf8(running + event_hash)))
    const line: Record<string, Json> = {
      schema: 'vela.replay_trace_entry.v0.2',
      step: JsonNumber.integer(index + 1),
      event: head.id,
      kind: head.kind,
      event_hash,
      event_log_hash_after: `sha256:${running}`,
      target_after_hash: membersOf(text).get('after_hash')!,
    }
    return printJson(new Map(Object.entries(line)))
  })
}

/**
 * Returns the members of an event in stored form.
 * @throws ReplicaError ERR_JSON; TypeError if it is not an object
 */
export function membersOf(text: Uint8Array): Map<string, Json> {
  const event = parseJson(text, { numbers: 'exact' })
  if (event instanceof Map) return event
  throw new TypeError('not an event in stored form')
}

function without(text: Uint8Array, names: readonly string[]): Uint8Array {
  const event = membersOf(text)
  if (!names.some(name => event.has(name))) return text
  for (const name of names) event.delete(name)
  return utf8(printJson(event))
}

/** Returns the canonical list of values that are canonical already. */
function joined(texts: readonly Uint8Array[]): Uint8Array {
  const comma = utf8(',')
  const parts = texts.flatMap(text => [comma, text])
  return concat([utf8('['), ...parts.slice(1), utf8(']')])
}
