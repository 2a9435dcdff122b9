// Selects the base document of a frontier: the authoritative one of its log, with the documents
// that it names; for a log without one, a base made from its events. Spec: protocol/frontier.md,
// F19.

import { ReplicaError } from '../../base/errors.ts'
import { parseJson } from '../../json/json.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import type { DocumentLink } from '../../node/schema.ts'
import { byTimestamp } from '../../vela/hashes/target-hash-chain.ts'
import { type Base, linkText } from './base-document.ts'
import type { BaseDocument } from './join.ts'
import type { LogContents, LogEvent } from './log-events.ts'
import { repositoryMembers } from './repository.ts'
import type { RepositoryFile } from './split.ts'

/** The compiler of a file that no program of the form `vela/X.Y.Z` began. */
const COMPILER = 'vela/0.700.0'

/** Returns the base document with its documents, or a base made from the events of the log. */
export function selectBase(log: Omit<LogContents, 'precedes' | 'bases'>): BaseDocument {
  const { base } = log
  const bare = emptyBase(log.frontier, log.events)
  if (base === undefined) return bare
  const files = filesOf(base, log)
  if (files !== undefined) return { ...repositoryMembers(files, bare.members), events: base.events }
  const members = new Map(base.members)
  if (base.proposals !== undefined) {
    const bodies = base.proposals.map(part => ('link' in part ? parsed(documentAt(log, part.link)) : part.value))
    members.set('proposals', bodies)
  }
  return { members, events: base.events }
}

export function filesOf({ files }: Base, log: Pick<LogContents, 'documents'>): RepositoryFile[] | undefined {
  return files?.map(({ path, content }) => ({
    path,
    bytes: content instanceof Uint8Array ? content : documentAt(log, content),
  }))
}

function documentAt({ documents }: Pick<LogContents, 'documents'>, link: DocumentLink): Uint8Array {
  const bytes = documents.get(linkText(link))
  if (bytes !== undefined) return bytes
  throw new ReplicaError('ERR_NOT_FOUND', `no node of this store links the document ${linkText(link)}`)
}

function parsed(bytes: Uint8Array): Json {
  return parseJson(bytes, { numbers: 'exact' })
}

/**
 * Returns the base of a log that came without one: its genesis event states the name, the log the
 * rest. Spec: protocol/frontier.md, F21 and F24.
 */
export function emptyBase(frontier: string, log: readonly LogEvent[]): BaseDocument {
  const genesis = log.find(({ head }) => head.kind === 'frontier.created')
  const first = genesis ?? byTimestamp(log)[0]
  const count = (value: number): Json => JsonNumber.integer(value)
  const meta = new Map<string, Json>([
    ['name', genesis?.head.target.id ?? frontier],
    ['description', ''],
    ['compiled_at', first?.head.timestamp ?? '1970-01-01T00:00:00Z'],
    ['compiler', compilerOf(genesis?.head.actor.id)],
    ['papers_processed', count(0)],
    ['errors', count(0)],
    ['dependencies', []],
  ])
  const members = new Map<string, Json>([
    ['vela_version', '0.10.0'],
    ['schema', 'https://vela.science/schema/finding-bundle/v0.10.0'],
    ['frontier_id', frontier],
    ['frontier', meta],
    ['stats', new Map()],
    ['findings', []],
    ['sources', []],
    ['evidence_atoms', []],
    ['condition_records', []],
    ['proposals', []],
    ['signatures', []],
  ])
  return { members, events: [], own: 'log' }
}

/** The reference refuses a compiler of another form. Spec: protocol/frontier.md, F21. */
function compilerOf(creator: string | undefined): string {
  return creator !== undefined && /^vela\/[0-9]+\.[0-9]+\.[0-9]+$/.test(creator) ? creator : COMPILER
}
