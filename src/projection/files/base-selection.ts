// The basis of a whole frontier: what the base document that counts in its log says, with the documents that it names (protocol/frontier.md,
// F19). Of a log without one it is what its events say.

import { ReplicaError } from '../../base/errors.ts'
import { PACKAGE_VERSION } from '../../base/version.ts'
import { parseJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import type { DocumentLink } from '../../node/schema.ts'
import { type Base, linkText } from './base-document.ts'
import type { BaseDocument } from './join.ts'
import type { WholeLog } from './log-events.ts'
import { repositoryMembers } from './repository.ts'
import type { RepositoryFile } from './split.ts'
import { emptyBase } from './whole-bare.ts'

/** What the base document says, with the documents that it names; of a log without one, what its events say. */
export function basisOf(log: Omit<WholeLog, 'precedes' | 'bases'>): BaseDocument {
  const { base } = log
  const bare = emptyBase(log.frontier, log.events, `replica/${PACKAGE_VERSION}`)
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

export function filesOf({ files }: Base, log: Pick<WholeLog, 'documents'>): RepositoryFile[] | undefined {
  return files?.map(({ path, content }) => ({
    path,
    bytes: content instanceof Uint8Array ? content : documentAt(log, content),
  }))
}

function documentAt({ documents }: Pick<WholeLog, 'documents'>, link: DocumentLink): Uint8Array {
  const bytes = documents.get(linkText(link))
  if (bytes !== undefined) return bytes
  throw new ReplicaError('ERR_NOT_FOUND', `no node of this store links the document ${linkText(link)}`)
}

function parsed(bytes: Uint8Array): Json {
  return parseJson(bytes, { numbers: 'exact' })
}
