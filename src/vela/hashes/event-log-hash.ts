// Hashes over a log of events in the order given (protocol/frontier.md, F12–F14): the log hash in both of its published forms,
// the root of the transparency log, and the lines of a proof. Events come in stored form, whose bytes are hashed as they lie.

import { concat, type Digest, sha256, toHex, utf8 } from '../../base/bytes.ts'
import { compareText } from '../../base/text.ts'
import type { LoggedEvent } from '../../event/event.ts'
import { eventHash } from '../../event/event.ts'
import { parseJson, printJson } from '../../json/json.ts'
import { type Json, JsonNumber } from '../../json/value.ts'

/** `full`: whole events, signatures too, in this order. `content`: without their signatures, in the order of their ids. */
export type LogHashForm = 'full' | 'content'

/** 64 hex digits over all events of a log. */
export function eventLogHash(events: readonly LoggedEvent[], form: LogHashForm): string {
  if (form === 'full') return toHex(sha256(joined(events.map(({ text }) => text))))
  const sorted = [...events].sort((a, b) => compareText(a.head.id, b.head.id))
  return toHex(sha256(joined(sorted.map(({ text }) => without(text, ['signature'])))))
}

/** Root of the Merkle tree of RFC 6962 over the contents (what an id is a hash of) of the events in this order. */
export function logRoot(events: readonly LoggedEvent[]): Digest {
  // Subtrees whose sizes are falling powers of two; equal ones are joined at once.
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

/** The lines of `proof/events.manifest.jsonl`, each canonical JSON without its line feed. */
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

/** The lines of `proof/replay.trace.jsonl`: each event with the hash of the log up to it, which runs over the hashes before. */
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

/** The members of an event in stored form. @throws ReplicaError ERR_JSON; TypeError when it is no object */
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

/** The canonical list of values in canonical form. */
function joined(texts: readonly Uint8Array[]): Uint8Array {
  const comma = utf8(',')
  const parts = texts.flatMap(text => [comma, text])
  return concat([utf8('['), ...parts.slice(1), utf8(']')])
}
