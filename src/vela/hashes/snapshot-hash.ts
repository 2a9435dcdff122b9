// Hashes of a frontier's state: of one finding, of the snapshot without its log, of its proposals;
// and the id of a finding. They cover the canonical JSON of the normalized form, so they equal the
// published ones. The snapshot hash covers times and counts and differs between reader versions: it
// identifies a file and does not compare states. Spec: protocol/frontier.md, F6–F11.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { type CooperativeTask, runToCompletion } from '../../base/cooperative.ts'
import { ReplicaError } from '../../base/errors.ts'
import { compareText, splitWhiteSpace } from '../../base/text.ts'
import { printJson } from '../../json/json.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { type FrontierFile, readFrontierTask } from '../files/frontier-file.ts'
import type { ContentHashes } from '../files/received-file.ts'
import { eventLogHash } from './event-log-hash.ts'
import { normalizedSnapshot, typedFinding } from './normalize.ts'

/**
 * Readers from 0.40 on add `causal_consistency` to the components of a confidence, which changes
 * files of older ones.
 */
export type SnapshotReader = 'own' | '0.40'

/**
 * Returns `sha256:` and 64 hex digits over the finding without its links, as in `before_hash` and
 * `after_hash`.
 */
export function findingHash(finding: ReadonlyMap<string, Json>): string {
  return `sha256:${hashOf(typedFinding(finding).set('links', []))}`
}

/**
 * Returns 64 hex digits over the known members of a frontier except events, signatures and proof
 * state.
 */
export function snapshotHash(
  frontier: Pick<FrontierFile, 'members'>,
  options: { reader?: SnapshotReader } = {},
): string {
  const snapshot = normalizedSnapshot(frontier.members)
  if (options.reader === '0.40') snapshot.set('findings', asReadBy040(snapshot.get('findings') ?? []))
  return hashOf(snapshot)
}

/**
 * Returns the members that a snapshot hash covers, as readers from 0.40 on write them. The snapshot
 * hash of a file with exactly these members is the hash of its canonical text, for every reader.
 */
export function serializedForm(members: ReadonlyMap<string, Json>): Map<string, Json> {
  const snapshot = normalizedSnapshot(members)
  return snapshot.set('findings', asReadBy040(snapshot.get('findings') ?? []))
}

/**
 * Returns 64 hex digits over the proposals, sorted by id.
 * @throws ReplicaError ERR_PROPOSAL for a proposal without an id
 */
export function proposalStateHash(proposals: readonly Json[]): string {
  const rows = proposals.map(proposal => ({ id: idOf(proposal), proposal }))
  return hashOf(rows.sort((a, b) => compareText(a.id, b.id)).map(({ proposal }) => proposal))
}

/**
 * Returns every valid hash of a frontier file: for both readings of floats, both readers and both
 * log forms, the most common first. A log hash covers the events that can be read.
 * @throws ReplicaError ERR_JSON, ERR_FRONTIER, ERR_FRONTIER_ID
 */
export function contentHashes(file: Uint8Array): ContentHashes {
  return runToCompletion(contentHashesTask(file))
}

/**
 * Returns contentHashes as a cooperative task, which yields between hashes.
 * @throws ReplicaError as contentHashes
 */
export function* contentHashesTask(file: Uint8Array): CooperativeTask<ContentHashes> {
  const snapshots = new Set<string>()
  const logs = new Set<string>()
  for (const numbers of ['reference', 'exact'] as const) {
    const frontier = yield* readFrontierTask(file, { numbers, broken: 'keep' })
    for (const reader of ['own', '0.40'] as const) {
      yield
      snapshots.add(snapshotHash(frontier, { reader }))
    }
    for (const form of ['full', 'content'] as const) {
      yield
      logs.add(eventLogHash(frontier.events, form))
    }
  }
  return { snapshots: [...snapshots], logs: [...logs] }
}

/**
 * Returns `vf_` and 16 hex digits of the hash of a finding's claim, type and source.
 * @throws ReplicaError ERR_FRONTIER
 */
export function findingId(finding: ReadonlyMap<string, Json>): string {
  const assertion = finding.get('assertion')
  const provenance = finding.get('provenance')
  if (!(assertion instanceof Map && provenance instanceof Map)) throw noId('assertion or provenance is missing')
  const [text, type] = [assertion.get('text'), assertion.get('type')]
  if (typeof text !== 'string' || typeof type !== 'string') throw noId('its text or its type is not a string')
  const source = provenance.get('doi') ?? provenance.get('pmid') ?? provenance.get('title') ?? ''
  if (typeof source !== 'string') throw noId('its doi, pmid or title is not a string')
  const claim = utf8(`${normalizeClaim(text)}|${type}|${source}`)
  return `vf_${toHex(sha256(claim).subarray(0, 8))}`
}

/** Lower case, single spaces, no trailing punctuation; a space before that punctuation stays. */
function normalizeClaim(text: string): string {
  const words = splitWhiteSpace(text.toLowerCase()).join(' ')
  let end = words.length
  while (end > 0 && '.;:!?'.includes(words.charAt(end - 1))) end -= 1
  return words.slice(0, end)
}

function asReadBy040(findings: Json): Json {
  if (!Array.isArray(findings)) return findings
  return findings.map(finding => {
    const confidence = finding instanceof Map ? finding.get('confidence') : undefined
    const components = confidence instanceof Map ? confidence.get('components') : undefined
    if (!(components instanceof Map) || components.has('causal_consistency')) return finding
    const full = new Map(components).set('causal_consistency', JsonNumber.float(1))
    return new Map(finding as Map<string, Json>).set(
      'confidence',
      new Map(confidence as Map<string, Json>).set('components', full),
    )
  })
}

function idOf(proposal: Json): string {
  const id = proposal instanceof Map ? proposal.get('id') : undefined
  if (typeof id === 'string') return id
  throw new ReplicaError('ERR_PROPOSAL', 'a proposal has no id')
}

function hashOf(value: Json): string {
  return toHex(sha256(utf8(printJson(value))))
}

function noId(reason: string): ReplicaError {
  return new ReplicaError('ERR_FRONTIER', `finding: ${reason}`)
}
