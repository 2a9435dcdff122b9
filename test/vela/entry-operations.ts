// Operations of the vectors of registry entries and resolutions, over the production functions.
// Input is text, output is plain JSON; a refused input throws.

import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import { checkFrontierId } from '../../src/base/frontier-id.ts'
import { redirectTarget } from '../../src/vela/federation/fetch-policy.ts'
import * as vela from '../../src/vela/index.ts'
import { signer, verify } from './signers.ts'

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const logged = (texts: string[]) => texts.map(text => ({ text: utf8(text), head: vela.checkEvent(utf8(text)) }))

type Input = Record<string, unknown>
type Output = Record<string, unknown>
type Content = NonNullable<vela.Publication['content']>
type Accept = Omit<vela.Acceptance, 'signer'> & {
  proposal: string
  events: string[]
  computed?: vela.KnownConflict[]
  seed: number
  actors: string
}
interface Propose {
  draft: vela.ResolutionDraft
  events: string[]
  computed?: vela.KnownConflict[]
}

const authorities = (actors = '[]'): vela.ResolutionAuthorities => ({ actors: vela.readActors(actors), verify })
const docket = (of: {
  events: string[]
  computed?: vela.KnownConflict[] | undefined
  actors?: string
}): vela.ResolutionContext => ({
  events: logged(of.events),
  computed: of.computed ?? [],
  authorities: authorities(of.actors),
})

const entryOperations: Record<string, (input: never) => Output> = {
  instant: ({ text }: { text: string }) => ({ ...vela.parseInstant(text) }),
  order: ({ times }: { times: string[] }) => {
    const sorted = times.map((text, index) => ({ index, instant: vela.parseInstant(text) }))
    sorted.sort((a, b) => vela.compareInstants(a.instant, b.instant) || a.index - b.index)
    return { order: sorted.map(({ index }) => index) }
  },
  'read-entry': ({ text }: { text: string }) => {
    const entry = vela.readEntry(text)
    return { text: vela.printEntry(entry), preimage: textOf(vela.entryPreimage(entry)) }
  },
  'verify-entry': ({ text }: { text: string }) => {
    const entry = vela.readEntry(text)
    if (!vela.verifyEntry(entry, verify)) throw new ReplicaError('ERR_ENTRY_SIGNATURE', 'not signed')
    return { owner: entry.owner_pubkey }
  },
  'frontier-name': ({ text }: { text: string }) => {
    checkFrontierId(text)
    return { frontier: text }
  },
  latest: ({ entries, ...options }: { entries: string[]; frontier: string; owner: string }) => {
    const latest = vela.latestEntry(entries.map(vela.readEntry), { ...options, verify })
    return { index: latest === undefined ? null : entries.indexOf(vela.printEntry(latest)) }
  },
  'read-registry': ({ text }: { text: string }) => {
    const { entries, refused } = vela.readRegistry(text)
    return { names: entries.map(({ name }) => name), refused: refused.map(({ index }) => index) }
  },
  'registry-url': ({ text }: { text: string }) => ({ url: vela.registryUrl(text) }),
  'read-record': ({ text }: { text: string }) => {
    const record = vela.readOwnershipRecord(text)
    return { text: vela.printOwnershipRecord(record), preimage: textOf(vela.ownershipPreimage(record)) }
  },
  ownership: ({ publisher, frontier, records }: { publisher: string; frontier: string; records: string[] }) => {
    const read = records.map(vela.readOwnershipRecord)
    const { owner, former, maintainers, deprecation, refused } = vela.replayOwnership(publisher, read, {
      frontier,
      verify,
    })
    const [first] = refused
    if (first !== undefined) throw new ReplicaError(first.code, first.reason)
    return { owner, former, maintainers, deprecated_at: deprecation?.deprecated_at ?? null }
  },
  publish: (input: { entry: string; live?: string; records?: string[]; content?: Content }) => {
    const live = input.live === undefined ? undefined : vela.readEntry(input.live)
    const records = (input.records ?? []).map(vela.readOwnershipRecord)
    const ownership = live && vela.replayOwnership(live.owner_pubkey, records, { frontier: live.vfr_id, verify })
    const publication = { live, ownership, content: input.content, verify }
    return { verdict: vela.judgePublication(vela.readEntry(input.entry), publication) }
  },
  checkpoint: ({ text, entries }: { text: string; entries: string[] }) => {
    const checkpoint = vela.readCheckpoint(text)
    vela.checkCheckpoint(checkpoint, entries.map(vela.readEntry), verify)
    return { id: vela.checkpointId(checkpoint), preimage: textOf(vela.checkpointPreimage(checkpoint)) }
  },
  manifest: ({ text, key }: { text: string; key: string }) => {
    const answer = vela.readManifest(text)
    vela.checkManifest(answer, { key, verify })
    return { preimage: textOf(vela.manifestPreimage(answer.manifest)) }
  },
  'fetch-url': ({ text, ...policy }: { text: string; allowPrivate: boolean; allowPlain: boolean }) => {
    vela.checkFetchUrl(text, policy)
    return { url: text }
  },
  private: ({ addresses }: { addresses: string[] }) => ({ private: addresses.map(vela.isPrivateAddress) }),
  redirect: ({ from, location }: { from: string; location: string }) => ({
    url: redirectTarget(from, location, { allowPrivate: false, allowPlain: false }) ?? null,
  }),
}

const resolutionOperations: Record<string, (input: never) => Output> = {
  actors: ({ text }: { text: string }) => ({ actors: vela.readActors(text).map(vela.printActor) }),
  revoked: ({ revoked_at: revokedAt, at }: { revoked_at: string | null; at: string }) => ({
    revoked: vela.isRevokedAt(revokedAt ?? undefined, at),
  }),
  'event-signature': ({ event, actors }: { event: string; actors: string }) => {
    const [read] = logged([event])
    return { verdict: vela.judgeEventSignature(read!, vela.readActors(actors), verify) }
  },
  payload: ({ kind, text }: { kind: string; text: string }) => {
    vela.checkFrontierPayload(kind, vela.parseJson(text, { numbers: 'exact' }))
    return { kind }
  },
  'read-proposal': ({ text }: { text: string }) => {
    const proposal = vela.readProposal(text)
    const preimage = textOf(vela.proposalPreimage(proposal))
    return { text: vela.printProposal(proposal), preimage, preimage_sha256: toHex(sha256(utf8(preimage))) }
  },
  reviewer: ({ id }: { id: string }) => {
    vela.checkReviewer(id)
    return { id }
  },
  'reviewer-key': ({ id, seed, at, actors }: { id: string; seed: number; at: string; actors: string }) => {
    vela.checkReviewerKey({ id, signer: signer(seed), at }, vela.readActors(actors))
    return { id }
  },
  propose: ({ draft, events, computed }: Propose) => ({
    text: vela.printProposal(vela.proposeResolution(draft, docket({ events, computed }))),
  }),
  accept: (input: Accept) => {
    const { proposal, events, computed, seed, actors, ...rest } = input
    const acceptance = { ...rest, signer: signer(seed) }
    const {
      event,
      applied,
      proposal: after,
    } = vela.acceptResolution(vela.readProposal(proposal), acceptance, docket({ events, computed, actors }))
    return { event: textOf(event.text), applied, proposal: vela.printProposal(after) }
  },
  resolutions: ({ events, actors }: { events: string[]; actors?: string }) => {
    const { conflicts, ignored } = vela.readResolutions(logged(events), authorities(actors))
    const ids = (list: readonly vela.Resolution[]) => list.map(({ event }) => event)
    return {
      conflicts: conflicts.map(one => ({ ...one, standing: ids(one.standing), superseded: ids(one.superseded) })),
      ignored: ignored.map(({ event }) => event),
    }
  },
}

export const operations: Record<string, Record<string, (input: never) => Output>> = {
  'registry-entry.json': entryOperations,
  'resolution.json': resolutionOperations,
}

export function run(file: string, { op, ...input }: { op: string } & Input): Output {
  return operations[file]![op]!(input as never)
}
