// Checks of frontier files, findings and proposals: hashes, ids, chains, and the replay of their
// logs.

import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain, type Stated } from './folder.ts'
import { checkLog, checkPasses, checkSignatures, eventsOf } from './log-checks.ts'
import type { Tally } from './tally.ts'

export type Members = Map<string, vela.Json>

/** Checks a frontier file against its stated values, and that printing and reading keeps it. */
export function checkFrontier(tally: Tally, file: DataFile, folder: Folder): void {
  const frontier = vela.readFrontier(file.bytes)
  const stated = folder.stated(file)
  checkLog(tally, frontier.events, stated?.log)
  checkPasses(tally, frontier.events, folder)
  const snapshot = stated?.snapshot_hash ?? stated?.snapshot_hash_of_file_as_is
  if (snapshot !== undefined) tally.same('snapshot hash', vela.snapshotHash(frontier), snapshot)
  if (stated?.findings !== undefined) tally.same('findings', frontier.findings.length, stated.findings)
  if (stated !== undefined) checkNames(tally, frontier, stated)
  if (stated?.chains !== undefined) checkChains(tally, frontier, stated.chains)
  const { signatures } = stated ?? {}
  if (isObject(signatures)) {
    const actors = folder.beside(file, 'actors.json')?.plain ?? vela.fromJson(frontier.members.get('actors') ?? [])
    checkSignatures(tally, frontier.events, { actors: Array.isArray(actors) ? actors : [], stated: signatures })
  }
  const parts = {
    findings: listOf(frontier, 'findings'),
    proposals: listOf(frontier, 'proposals'),
    log: frontier.events,
  }
  if (stated?.replay !== undefined) checkReplay(tally, parts, stated.replay)
  const again = vela.readFrontier(vela.printFrontier(frontier))
  tally.same('printed and read again', vela.printFrontier(again), vela.printFrontier(frontier))
  tally.same(
    'its log printed and read again',
    vela.eventLogHash(again.events, 'full'),
    vela.eventLogHash(frontier.events, 'full'),
  )
  const hashes = vela.contentHashes(file.bytes)
  tally.same('its snapshot hash among those of its bytes', hashes.snapshots.includes(vela.snapshotHash(frontier)), true)
  const contentForm = vela.eventLogHash(frontier.events, 'content')
  tally.same('its log hash among those of its bytes', hashes.logs.includes(contentForm), true)
  noteIds(tally, frontier.findings)
}

function checkNames(tally: Tally, frontier: vela.FrontierFile, stated: Stated): void {
  const { frontier_id_from_meta: fromMeta, frontier_id_stored: stored } = stated
  if (fromMeta === undefined) return
  const members = new Map(frontier.members)
  for (const member of ['frontier_id', 'events']) members.delete(member)
  tally.same('frontier id from meta', vela.readFrontier(vela.printFrontier({ members })).id, fromMeta)
  tally.same('frontier id stored', frontier.members.get('frontier_id') ?? null, stored ?? null)
}

function checkChains(tally: Tally, frontier: Pick<vela.FrontierFile, 'findings' | 'events'>, stated: Plain): void {
  const report = vela.checkChains(frontier.findings, frontier.events)
  const found = {
    targets_with_chain: report.targets,
    chain_breaks: report.breaks.length,
    finding_hash_equals_last_after_hash: report.equal,
    finding_hash_differs: report.differ.length,
  }
  for (const [name, value] of Object.entries(found)) if (name in stated) tally.same(name, value, stated[name])
}

interface ReplayParts {
  readonly findings: readonly Members[]
  readonly proposals: readonly Members[]
  readonly log: readonly vela.EventReading[]
}

/**
 * Replays in the reference's order and compares each finding; exactly the stated ones must differ.
 */
function checkReplay(tally: Tally, parts: ReplayParts, stated: Plain): void {
  const { equal, differ, genesis, problems } = replay(parts)
  const { hydrated, unhydrated } = hydration(parts)
  const found: Plain = {
    findings: parts.findings.length,
    reproduced: equal,
    differ,
    taken_as_genesis: genesis,
    hydrated_from_proposals: hydrated,
  }
  for (const [name, value] of Object.entries(found))
    if (name in stated) tally.same(`replay: ${name}`, value, stated[name])
  // The form of a stated problem is unknown.
  const { hydration_problems: stuck } = stated
  if (Array.isArray(stuck)) tally.same('replay: hydration_problems', unhydrated, stuck.length)
  if (problems > 0) tally.note(`${problems} events did not apply`)
}

/** Counts thin assertions with and without a finding from a proposal. */
function hydration({ proposals, log }: ReplayParts): { hydrated: number; unhydrated: number } {
  const bodies = new Map(proposals.map(one => [one.get('id'), one.get('payload')]))
  let [hydrated, unhydrated] = [0, 0]
  for (const { head, text } of log) {
    const { after_hash: hash, payload } = JSON.parse(Buffer.from(text).toString('utf8'))
    if (head.kind !== 'finding.asserted' || isObject(payload?.finding)) continue
    const proposal = bodies.get(payload?.proposal_id)
    const finding = proposal instanceof Map ? proposal.get('finding') : undefined
    if (finding instanceof Map && vela.findingHash(finding) === hash) hydrated += 1
    else unhydrated += 1
  }
  return { hydrated, unhydrated }
}

export function replay({ findings, proposals, log }: ReplayParts): {
  equal: number
  differ: string[]
  genesis: number
  problems: number
} {
  const read = findings.map(vela.readFinding)
  const genesis = vela.genesisOf(read, log)
  // Ids of published proposals do not always match; after_hash pins what an assertion takes from
  // one.
  const seeds = proposals.map(proposal => ({
    id: proposal.get('id') as string,
    payload: proposal.get('payload') ?? null,
  }))
  const view = vela.emptyView({ genesis, proposals: seeds })
  for (const event of vela.byTimestamp(log)) vela.applyEvent(view, event)
  const differ = read
    .filter(({ id, body }) => {
      const own = vela.viewObject(view, 'findings', id)
      return own === undefined || vela.findingHash(own) !== vela.findingHash(body)
    })
    .map(({ id }) => id)
    .sort()
  return {
    equal: read.length - differ.length,
    differ,
    genesis: genesis.length,
    problems: vela.viewProblems(view).length,
  }
}

/** Checks a list of findings, with the log and the proposals of the same name beside it. */
export function checkFindings(tally: Tally, file: DataFile, folder: Folder): void {
  const bodies = exact(file) as Members[]
  const findings = bodies.map(vela.readFinding)
  noteIds(tally, findings)
  tally.same('findings that read', findings.length, bodies.length)
  const [stem] = file.base.split('.')
  const alone = file.base === 'findings.json'
  const log = folder.beside(file, alone ? 'events.json' : `${stem}.events.json`)
  const proposals = folder.beside(file, alone ? 'proposals.json' : `${stem}.proposals.json`)
  const stated = folder.stated(file)
  if (log === undefined) return tally.note('no log of that name beside it')
  const events = eventsOf(log.bytes)
  if (stated?.chains !== undefined) checkChains(tally, { findings, events }, stated.chains)
  const seeds = proposals === undefined ? [] : (exact(proposals) as Members[])
  if (stated?.replay !== undefined)
    checkReplay(tally, { findings: bodies, proposals: seeds, log: events }, stated.replay)
  else {
    const { equal, differ } = replay({ findings: bodies, proposals: seeds, log: events })
    tally.note(`replay gives ${equal} of ${equal + differ.length} findings; nothing is stated`)
  }
}

/**
 * Checks a list of proposals: each reads, or its id does not match (as in real data); printing
 * keeps it.
 */
export function checkProposals(tally: Tally, file: DataFile): void {
  let others = 0
  for (const proposal of exact(file) as Members[]) {
    const text = vela.printJson(proposal)
    const id = proposal.get('id')
    try {
      tally.same(`proposal ${id}`, vela.printProposal(vela.readProposal(text)), text)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ERR_PROPOSAL')) throw error
      others += 1
    }
  }
  if (others > 0) tally.note(`${others} have ids that are not their contents'`)
}

/**
 * Checks a proof state: only the log beside it has a stated hash; that of an empty log is known.
 */
export function checkProofState(tally: Tally, file: DataFile, folder: Folder): void {
  const { latest_packet: packet } = file.plain as Plain
  const stem = file.base.split('.')[0]!
  const section = folder.expected[stem]
  if (!isObject(section) || !isObject(packet)) return
  const { proof_state_event_log_hash_is_of_empty_log: empty } = section
  if (typeof empty !== 'boolean') return
  tally.same('its log hash is of the empty log', packet.event_log_hash === vela.eventLogHash([], 'full'), empty)
}

function listOf(frontier: Pick<vela.FrontierFile, 'members'>, name: string): Members[] {
  return (frontier.members.get(name) ?? []) as Members[]
}

function exact(file: DataFile): vela.Json {
  return vela.parseJson(file.bytes, { numbers: 'exact' })
}

/** No rule requires that a finding keeps the id of its claim, so a difference is not a failure. */
function noteIds(tally: Tally, findings: readonly vela.Finding[]): void {
  const other = findings.filter(({ id, body }) => idOf(body) !== id).length
  if (other > 0) tally.note(`${other} of ${findings.length} findings have ids that are not their claims'`)
}

function idOf(body: ReadonlyMap<string, vela.Json>): string | undefined {
  try {
    return vela.findingId(body)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_FRONTIER') return undefined
    throw error
  }
}
