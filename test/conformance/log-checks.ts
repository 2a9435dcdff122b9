// Checks of logs: ids, hashes, orders, kinds, signatures, proof files, and the federation events in
// them.

import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { topologicalOrder } from '../../src/graph/topological-sort.ts'
import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import type { Tally } from './tally.ts'

export const hashOf = (text: string): string => toHex(sha256(utf8(text)))
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** Returns the events of a list or a frontier file, in order; the checks find wrong ids. */
export function eventsOf(bytes: Uint8Array): vela.EventReading[] {
  return Array.from(vela.readLog(bytes).events(), ({ text }) => readAny(text))
}

/** Reads with the numbers that give the stated id; with the reference's if neither reading does. */
export function readAny(text: Uint8Array | string): vela.EventReading {
  const [first, exact] = [vela.readEvent(text), vela.readEvent(text, { numbers: 'exact' })]
  return exact.computedId === exact.head.id ? exact : first
}

/** How each stated value of a log is computed. Values of other names are not read. */
const LOG_VALUES: Record<string, (events: readonly vela.EventReading[]) => unknown> = {
  events: events => events.length,
  distinct_ids: events => new Set(idsOf(events)).size,
  ids_recomputed_equal: events => events.filter(({ head, computedId }) => head.id === computedId).length,
  event_log_hash: events => vela.eventLogHash(events, 'full'),
  event_log_hash_content_form: events => vela.eventLogHash(events, 'content'),
  event_hashes_in_file_order: events => events.map(({ text }) => vela.eventHash(text)),
  merkle_root_of_preimages_in_file_order: events => toHex(vela.logRoot(events)),
  kinds: events => counted(events.map(({ head }) => head.kind)),
  events_with_parents: events => events.filter(({ head }) => (head.parents ?? []).length > 0).length,
  order_timestamp_id: events => idsOf(vela.byTimestamp(events)),
  first_and_last_in_timestamp_id_order: events => {
    const ids = idsOf(vela.byTimestamp(events))
    return ids.length === 0 ? [] : [ids[0], ids.at(-1)]
  },
  sha256_of_ids_in_timestamp_id_order: events => hashOf(idsOf(vela.byTimestamp(events)).join('\n')),
  sha256_of_ids_in_topological_order: events => {
    const pairs = events.map(({ head }) => ({ id: head.id, parents: head.parents ?? [] }))
    return hashOf((topologicalOrder(pairs) ?? []).join('\n'))
  },
}

/** Checks a log against its stated values; without any, all ids must match their contents. */
export function checkLog(tally: Tally, events: readonly vela.EventReading[], stated: Plain | undefined): void {
  if (stated === undefined) {
    tally.note('expected.json states nothing of its log')
    for (const { head, computedId } of events) tally.same('event id', computedId, head.id)
    return
  }
  for (const [name, find] of Object.entries(LOG_VALUES)) {
    if (name in stated) tally.same(name, sorted(find(events)), sorted(stated[name]))
  }
  for (const { text, head, computedId } of events) {
    if (computedId === head.id) tally.same('stored form', vela.checkEvent(text).id, head.id)
  }
}

/** Signatures by actor, form, and the source of the key that verifies them. */
export function checkSignatures(tally: Tally, events: readonly vela.EventReading[], parts: SignatureParts): void {
  const { actors, stated } = parts
  const groups: string[] = []
  const totals: string[] = []
  const unverified: string[] = []
  for (const { text, head } of events) {
    const signature = vela.eventSignature(text)
    totals.push(signature === undefined ? 'unsigned' : 'signed')
    if (signature === undefined) continue
    const place = keyPlace(text, head, actors)
    if (place === undefined) unverified.push(head.id)
    else groups.push(`${head.actor.id} | ${signature.form === 'bare' ? 'v0' : 'v1'} | ${place}`)
  }
  tally.same('signed and unsigned', counted(totals), stated.totals)
  tally.same('signatures by key', counted(groups), stated.groups)
  tally.same('signatures that no known key verifies', unverified.sort(), stated.not_verified_by_any_known_key)
}

export interface SignatureParts {
  readonly actors: readonly unknown[]
  readonly stated: Plain
}

function keyPlace(text: Uint8Array, head: vela.EventHead, actors: readonly unknown[]): string | undefined {
  const registered = actors.filter(isObject).filter(({ id }) => id === head.actor.id)
  if (registered.some(({ public_key: key }) => typeof key === 'string' && verifiesUnder(text, key)))
    return 'registered actor key'
  const open: { at: string; value: unknown }[] = [{ at: '', value: JSON.parse(textOf(text)).payload }]
  for (const { at, value } of open) {
    if (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value) && verifiesUnder(text, value))
      return `key inside the payload at ${at}`
    if (isObject(value))
      for (const [name, member] of Object.entries(value)) open.push({ at: `${at}.${name}`, value: member })
  }
  return undefined
}

export function verifiesUnder(text: Uint8Array, key: string): boolean {
  const signature = vela.eventSignature(text)
  if (signature === undefined) return false
  return verify(Buffer.from(key, 'hex'), vela.eventSigningBytes(text, signature.form), signature.sig)
}

/**
 * Checks `events.manifest.jsonl` and `replay.trace.jsonl` line by line against the events beside
 * them.
 */
export function checkProof(tally: Tally, file: DataFile, events: readonly vela.EventReading[]): void {
  const wanted = file.text.split('\n').filter(line => line !== '')
  const found = file.base.startsWith('replay') ? vela.replayTrace(events) : vela.eventManifest(events)
  tally.same('number of lines', found.length, wanted.length)
  for (const [index, line] of wanted.entries()) tally.same(`line ${index + 1}`, found[index], line)
}

interface Recorded {
  readonly id: string
  readonly text: string
  readonly target: { readonly id: string }
  readonly timestamp: string
  readonly kind: string
  readonly payload: Plain
}

/** Checks that the recorded events of comparisons are reproduced from their payloads. */
export function checkPasses(tally: Tally, events: readonly vela.EventReading[], folder: Folder): void {
  const recorded = events
    .filter(({ head }) => head.kind === 'frontier.synced_with_peer' || head.kind === 'frontier.conflict_detected')
    .map(({ text }): Recorded => ({ ...JSON.parse(textOf(text)), text: textOf(text) }))
  const made = new Map<string, string>()
  for (const pass of recorded.filter(({ kind }) => kind === 'frontier.synced_with_peer')) {
    const own = recorded.filter(
      ({ kind, timestamp, payload }) =>
        kind === 'frontier.conflict_detected' &&
        timestamp === pass.timestamp &&
        payload.peer_id === pass.payload.peer_id,
    )
    const remade = again(pass, own).map(({ text }) => textOf(text))
    for (const text of remade) made.set(JSON.parse(text).id, text)
    const logged = [pass, ...own].map(({ text }) => text)
    folder.passes.push({
      target: pass.target.id,
      timestamp: pass.timestamp,
      peer: String(pass.payload.peer_id),
      ours: pass.payload.our_snapshot_hash,
      theirs: pass.payload.peer_snapshot_hash,
      divergence: pass.payload.divergence_count,
      events: logged.length,
      equal: logged.filter(text => remade.includes(text)).length,
    })
  }
  for (const { id, text } of recorded) tally.same(`federation event ${id} made again`, made.get(id), text)
}

function again(pass: Recorded, own: readonly Recorded[]): readonly vela.LoggedEvent[] {
  const { peer_id: peer, our_snapshot_hash, peer_snapshot_hash } = pass.payload as Record<string, string>
  const how = { peer: peer!, at: pass.timestamp, frontier: pass.target.id }
  const [only] = own
  const ours = { id: pass.target.id, snapshot_hash: our_snapshot_hash! }
  if (only?.payload.kind === 'broken_locator') {
    const [, locator, status] = /^locator (.*) returned HTTP (\d+)$/s.exec(String(only.payload.detail)) ?? []
    const failure = { vfr_id: String(only.payload.finding_id), locator: locator ?? '', status: Number(status) }
    return vela.recordLocatorFailure(ours, failure, how).events
  }
  if (only?.payload.kind === 'unverified_peer_entry') {
    const { finding_id: name, detail } = only.payload as Record<string, string>
    return vela.recordUnverifiedEntry(ours, { vfr_id: name!, reason: detail! }, how).events
  }
  const conflicts = own.map(
    ({ payload: { finding_id, kind, detail } }) => ({ finding_id, kind, detail }) as vela.Conflict,
  )
  return vela.recordSync(
    { our_snapshot_hash: our_snapshot_hash!, peer_snapshot_hash: peer_snapshot_hash!, conflicts },
    how,
  ).events
}

function idsOf(events: readonly vela.EventReading[]): string[] {
  return events.map(({ head }) => head.id)
}

export function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Sorts members, so that objects compare by content. */
function sorted(value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value
}

/** Returns the events of the frontier that a file belongs to. */
export function logBeside(folder: Folder, file: DataFile): vela.EventReading[] | undefined {
  const log = folder.beside(file, 'events.json') ?? folder.beside(file, 'frontier.json')
  return log === undefined ? undefined : eventsOf(log.bytes)
}
