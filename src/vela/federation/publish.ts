// Whether a registry takes an entry that somebody publishes (protocol/registry-entry.md, E17): decided before anything
// changes, so that no stranger can touch what stands for a frontier.

import { equals } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import type { Verify } from '../../event/signing.ts'
import { type ContentHashes, hashFault } from '../files/received-file.ts'
import type { Ownership } from './ownership.ts'
import { compareEntries, entryPreimage, type RegistryEntry, verifyEntry } from './registry-entry.ts'

export interface Publication {
  /** The entry that stands for this frontier now. */
  readonly live: RegistryEntry | undefined
  /** Undefined when nobody has published the frontier here yet. */
  readonly ownership: Ownership | undefined
  /** What came with the entry: the frontier that it names itself, and its hashes. Undefined when nothing came. */
  readonly content: (ContentHashes & { readonly frontier: string | undefined }) | undefined
  readonly verify: Verify
}

/**
 * `duplicate`: this very entry stands already. `first` and `next` are to be stored.
 * @throws ReplicaError ERR_ENTRY (the content is of another frontier, or has other hashes), ERR_ENTRY_SIGNATURE, ERR_ENTRY_OWNER,
 * ERR_ENTRY_STALE (not later than the one that stands, or the frontier is deprecated)
 */
export function judgePublication(entry: RegistryEntry, publication: Publication): 'first' | 'next' | 'duplicate' {
  const { live, ownership, content, verify } = publication
  if (!verifyEntry(entry, verify))
    throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'the signature of the entry is not its owner’s')
  if (content !== undefined && content.frontier !== entry.vfr_id)
    throw new ReplicaError('ERR_ENTRY', 'the content that came with the entry is of another frontier')
  const fault = content && hashFault(entry, content)
  if (fault !== undefined) throw new ReplicaError('ERR_ENTRY', fault)
  if (live !== undefined && live.signature === entry.signature && equals(entryPreimage(live), entryPreimage(entry)))
    return 'duplicate'
  if (ownership !== undefined && ownership.owner !== entry.owner_pubkey)
    throw new ReplicaError('ERR_ENTRY_OWNER', 'the frontier belongs to another key')
  if (ownership?.deprecation !== undefined)
    throw new ReplicaError('ERR_ENTRY_STALE', 'the frontier is deprecated; a successor is a new frontier')
  if (live === undefined) return 'first'
  if (live.vfr_id !== entry.vfr_id) throw new TypeError('the entry that stands is of another frontier')
  if (ownership === undefined) throw new TypeError('a frontier with an entry has an owner')
  if (compareEntries(entry, live) <= 0)
    throw new ReplicaError('ERR_ENTRY_STALE', 'the entry is not later than the one that stands')
  return 'next'
}
