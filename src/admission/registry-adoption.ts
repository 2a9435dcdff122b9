// Decides which entries of an offered registry become local declarations.
// A person asks for the adoption. Local declarations take precedence, entries about the own keys
// are never adopted, and each adopted key is validated.
// Spec: protocol/admission.md, D27.

import { fromHex } from '../base/bytes.ts'
import { yieldToEventLoop } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { REGISTRY_LIMITS } from '../base/limits.ts'
import { validatePublicKey } from '../crypto/key.ts'
import { checkPeerUrl, type Peer } from './peer.ts'
import type { RegistryOffer } from './registry-offer.ts'
import type { Cut } from './registry-records.ts'

/** Keys that are validated before yielding to the event loop. One takes about 1 ms. */
const VALIDATIONS_PER_TURN = 16

/** The peers declared here. Keys are 64 hex digits. */
export interface LocalDeclarations {
  readonly ownId: string
  readonly ownKeys: ReadonlySet<string>
  readonly peers: ReadonlyMap<string, Peer>
  readonly peersByKey: ReadonlyMap<string, Peer>
  readonly cuts: ReadonlyMap<string, Cut>
}

/** The peers to declare, and those left out with the reason. */
export interface Adoption {
  readonly peers: Peer[]
  readonly cuts: Cut[]
  readonly skipped: { id: string; reason: string }[]
}

/** Plans the adoption of an offer. Writes nothing. */
export async function planAdoption(
  offer: RegistryOffer,
  local: LocalDeclarations,
  { at, allowPlain = false }: { at: string; allowPlain?: boolean },
): Promise<Adoption> {
  const plan: Adoption = { peers: [], cuts: [], skipped: [] }
  const planned = new Set<string>()
  for (const [i, { id, url, publicKey }] of [offer.hub, ...offer.peers].entries()) {
    if (i % VALIDATIONS_PER_TURN === 0) await yieldToEventLoop()
    const peer = { id, url, publicKey, addedAt: at, note: `adopted from ${offer.hub.id}` }
    const full = local.peers.size + plan.peers.length >= REGISTRY_LIMITS.peersMax
    const reason =
      reasonAgainst(peer, local) ??
      (planned.has(id) ? 'named twice' : full ? 'the registry is full' : fault(peer, allowPlain))
    if (reason === undefined) {
      planned.add(id)
      plan.peers.push(peer)
    } else plan.skipped.push({ id, reason })
  }
  for (const { id, publicKey, heads } of offer.cuts) {
    const reason = reasonAgainstCut(publicKey, local)
    if (reason === undefined) plan.cuts.push({ id, publicKey, heads, at })
    else plan.skipped.push({ id, reason })
  }
  return plan
}

/** Returns the local declaration that speaks against an entry. */
function reasonAgainst({ id, publicKey }: Peer, local: LocalDeclarations): string | undefined {
  if (local.ownKeys.has(publicKey)) return 'its key is your own'
  if (id === local.ownId) return 'its id is your own'
  const here = local.peers.get(id)
  if (here !== undefined) {
    return here.publicKey === publicKey ? 'already registered here' : 'registered here with another key'
  }
  const other = local.peersByKey.get(publicKey)
  if (other !== undefined) return `its key is registered here as ${other.id}`
  return local.cuts.has(publicKey) ? 'its key was removed here' : undefined
}

/**
 * Returns what is wrong with the entry itself. A hub without URL can't be dialled, but its nodes
 * can be decided.
 */
function fault({ url, publicKey }: Peer, allowPlain: boolean): string | undefined {
  try {
    if (url !== '') checkPeerUrl(url, { allowPlain })
    validatePublicKey(fromHex(publicKey)!)
    return undefined
  } catch (error) {
    if (error instanceof ReplicaError) return error.message
    throw error
  }
}

function reasonAgainstCut(publicKey: string, local: LocalDeclarations): string | undefined {
  if (local.ownKeys.has(publicKey)) return 'cut off there, but its key is your own'
  if (local.cuts.has(publicKey)) return 'its key is already cut off here'
  return local.peersByKey.has(publicKey) ? 'cut off there, but its key is registered here' : undefined
}
