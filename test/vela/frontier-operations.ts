// Operations of the vectors of frontier files and federation, over the production functions. Input
// is text, output is plain JSON; a refused input throws.

import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import { chunkDocument } from '../../src/node/document-chunks.ts'
import { type Base, linkText, printBase, readBase } from '../../src/projection/files/base-document.ts'
import { selectBase } from '../../src/projection/files/base-selection.ts'
import { joinFrontier, proposalsIn } from '../../src/projection/files/join.ts'
import { splitFrontier, splitRepository } from '../../src/projection/files/split.ts'
import { readFindings } from '../../src/vela/files/frontier-file.ts'
import * as vela from '../../src/vela/index.ts'

type Output = Record<string, unknown>
type Members = ReadonlyMap<string, vela.Json>

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const textsOf = (events: readonly vela.LoggedEvent[]): string[] => events.map(({ text }) => textOf(text))
const logged = (texts: string[] = []) => texts.map(text => ({ text: utf8(text), head: vela.checkEvent(utf8(text)) }))
const findingsIn = (text: string) => ({ findings: (vela.parseJson(text) as vela.Json[]).map(vela.readFinding) })
const keptIn = (text: string) => {
  const unread: vela.Unread[] = []
  return { findings: readFindings(vela.parseJson(text) as vela.Json[], unread), unread }
}
const bodyOf = (text: string): Members => vela.readFinding(vela.parseJson(text)).body

function baseIn(text: string, frontier: string): Base {
  const base = readBase(utf8(text), frontier)
  if (base === undefined) throw new ReplicaError('ERR_FRONTIER', 'no base document')
  return base
}

const frontierOperations: Record<string, (input: never) => Output> = {
  'read-frontier': ({ text, broken }: { text: string; broken?: 'keep' }) => {
    const { id, findings, events, unread } = vela.readFrontier(text, { ...(broken && { broken }) })
    const wrong = events.filter(({ head, computedId }) => head.id !== computedId).map(({ head }) => head.id)
    return {
      id,
      findings: findings.map(finding => finding.id),
      events: events.map(({ head }) => head.id),
      wrong,
      ...(broken && { unread }),
    }
  },
  'too-large': ({ bytes }: { bytes: number }) => {
    vela.readFrontier(new Uint8Array(bytes).fill(0x20))
    return {}
  },
  'print-frontier': ({ text }: { text: string }) => ({ text: vela.printFrontier(vela.readFrontier(text)) }),
  finding: ({ text }: { text: string }) => {
    const { id, score, retracted, superseded, review_state = null } = vela.readFinding(vela.parseJson(text))
    return { id, score, retracted, superseded, review_state }
  },
  'finding-hash': ({ text }: { text: string }) => ({ hash: vela.findingHash(bodyOf(text)) }),
  'finding-id': ({ text }: { text: string }) => ({
    id: vela.findingId(vela.parseJson(text) as Map<string, vela.Json>),
  }),
  'snapshot-hash': ({ text, reader }: { text: string; reader?: vela.SnapshotReader }) => {
    return { hash: vela.snapshotHash(vela.readFrontier(text), { ...(reader && { reader }) }) }
  },
  'proposal-state-hash': ({ text }: { text: string }) => ({
    hash: vela.proposalStateHash(vela.parseJson(text) as vela.Json[]),
  }),
  'content-hashes': ({ text }: { text: string }) => ({ ...vela.contentHashes(utf8(text)) }),
  log: ({ events }: { events: string[] }) => {
    const log = logged(events)
    return {
      full: vela.eventLogHash(log, 'full'),
      content: vela.eventLogHash(log, 'content'),
      root: toHex(vela.logRoot(log)),
    }
  },
  proof: ({ events }: { events: string[] }) => {
    const log = logged(events)
    return { manifest: vela.eventManifest(log), trace: vela.replayTrace(log) }
  },
  split: ({
    text,
    files = [],
    frontier,
  }: {
    text?: string
    files?: { path: string; text: string }[]
    frontier?: string
  }) => {
    const repository = files.map(file => ({ path: file.path, bytes: utf8(file.text) }))
    const parts = text === undefined ? splitRepository(repository) : splitFrontier(utf8(text))
    const documents = [...parts.proposals].map(([event, linked]) => [event, linked.map(({ bytes }) => textOf(bytes))])
    return {
      frontier: parts.frontier ?? null,
      events: parts.events.map(event => (vela.parseJson(event) as Members).get('id')),
      base: textOf(parts.base(parts.frontier ?? frontier!).bytes),
      documents: Object.fromEntries(documents),
    }
  },
  'read-base': ({ text, frontier }: { text: string; frontier: string }) => ({
    text: textOf(printBase(baseIn(text, frontier))),
  }),
  join: ({ base, events, documents = [] }: { base: string; events: string[]; documents?: string[] }) => {
    const frontier = (vela.parseJson(base) as Members).get('frontier') as string
    const log = logged(events).map(event => ({ ...event, digest: toHex(sha256(event.text)), counts: true }))
    const linked = documents.map((text): [string, Uint8Array] => [linkText(chunkDocument(utf8(text)).link), utf8(text)])
    const documentsBy = new Map(linked)
    const basis = selectBase({ frontier, events: log, base: baseIn(base, frontier), documents: documentsBy })
    const joined = joinFrontier(basis, log, {
      proposals: proposalsIn(documentsBy.values()),
      authorities: vela.NO_AUTHORITIES,
    })
    const members = new Map(joined.members).set(
      'events',
      joined.events.map(({ value }) => value),
    )
    return { text: vela.printFrontier(vela.readFrontier(vela.printJson(members))) }
  },
  chains: ({ findings, events }: { findings: string; events: string[] }) => {
    return { ...vela.checkChains(findingsIn(findings).findings, logged(events)) }
  },
}

const federationOperations: Record<string, (input: never) => Output> = {
  diff: ({ ours, theirs, broken }: { ours: string; theirs: string; broken?: 'keep' }) => {
    const side = broken === undefined ? findingsIn : keptIn
    return { conflicts: vela.diffFrontiers(side(ours), side(theirs)) }
  },
  sync: ({
    ours,
    theirs,
    recorded,
    ...pass
  }: { ours: string; theirs: string; recorded?: string[] } & vela.ComparisonRun) => {
    const sides = [vela.readFrontier(ours), vela.readFrontier(theirs)] as const
    const { report, events } = vela.syncWithPeer(...sides, { ...pass, recorded: logged(recorded) })
    return { report, events: textsOf(events) }
  },
  'locator-failure': ({
    ours,
    failure,
    ...pass
  }: { ours: string; failure: vela.LocatorFailure } & vela.ComparisonRun) => {
    const { report, events } = vela.recordLocatorFailure(vela.readFrontier(ours), failure, pass)
    return { report, events: textsOf(events) }
  },
  'unverified-entry': ({
    ours,
    entry,
    ...pass
  }: { ours: string; entry: { vfr_id: string; reason: string } } & vela.ComparisonRun) => {
    const { report, events } = vela.recordUnverifiedEntry(vela.readFrontier(ours), entry, pass)
    return { report, events: textsOf(events) }
  },
  discovered: ({ ours, result, ...pass }: { ours: string; result: { content?: string } } & vela.ComparisonRun) => {
    const content = result.content === undefined ? undefined : utf8(result.content)
    const found = { ...result, content } as unknown as vela.DiscoveryResult
    const observed = vela.recordDiscovery(vela.readFrontier(ours), found, pass)
    return { events: observed === undefined ? null : textsOf(observed.events) }
  },
  peers: ({ text }: { text: string }) => ({ peers: vela.readPeerHubs(text) }),
}

/** By vector file. */
export const operations: Record<string, Record<string, (input: never) => Output>> = {
  'frontier.json': frontierOperations,
  'federation.json': federationOperations,
}

export function run(file: string, input: { op: string }): Output {
  return operations[file]![input.op]!(input as never)
}
