// Checks of whole frontiers, findings and proposals: hashes, names, chains, replay, and fixtures with the rows that replay
// has to give.

import { sha256, toHex } from '../../src/bytes.ts'
import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain, type Stated } from './folder.ts'
import { checkLog, checkPasses, checkSignatures, eventsOf, logBeside, readAny } from './log-checks.ts'
import type { Tally } from './tally.ts'

export type Members = Map<string, vela.Json>

/** A frontier file: what is stated of it, and that it is the same when it was printed and read again. */
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

function checkNames(tally: Tally, frontier: vela.Frontier, stated: Stated): void {
  const { frontier_id_from_meta: fromMeta, frontier_id_stored: stored } = stated
  if (fromMeta === undefined) return
  const members = new Map(frontier.members)
  for (const member of ['frontier_id', 'events']) members.delete(member)
  tally.same('frontier id from meta', vela.readFrontier(vela.printFrontier({ members })).id, fromMeta)
  tally.same('frontier id stored', frontier.members.get('frontier_id') ?? null, stored ?? null)
}

function checkChains(tally: Tally, frontier: Pick<vela.Frontier, 'findings' | 'events'>, stated: Plain): void {
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

/** Replays in the order of the reference and compares finding by finding; those stated to differ have to, and no others. */
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
  // In which form a problem would be stated is not known.
  const { hydration_problems: stuck } = stated
  if (Array.isArray(stuck)) tally.same('replay: hydration_problems', unhydrated, stuck.length)
  tally.same('replay: events that did not apply', problems, 0)
}

/** How many thin assertions have their finding from a proposal, and how many have none. */
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
  // Ids of proposals are not always those of their contents; what an assertion takes from one its after_hash pins.
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

/** A list of findings, with the log and the proposals of the same name beside it. */
export function checkFindings(tally: Tally, file: DataFile, folder: Folder): void {
  const bodies = exact(file) as Members[]
  const findings = bodies.map(vela.readFinding)
  noteIds(tally, findings)
  tally.same('findings that read', findings.length, bodies.length)
  const [stem] = file.base.split('.')
  const log = folder.beside(file, `${stem}.events.json`)
  const proposals = folder.beside(file, `${stem}.proposals.json`)
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

/** A list of proposals: each is read or its id is not its content's, which real ones do; printed again it is the same. */
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

/** Which stated rows are compared with which table. */
const ROWS = {
  expected_states: 'findings',
  expected_negative_results: 'negative_results',
  expected_trajectories: 'trajectories',
  expected_artifacts: 'artifacts',
  expected_replications: 'replications',
  expected_predictions: 'predictions',
} as const

/** A fixture: a log over genesis findings, and the rows that come out of it. */
export function checkFixture(tally: Tally, file: DataFile, folder: Folder): void {
  const fixture = file.lossless() as Members
  const stated = folder.stated(file)
  if (stated?.file_sha256 !== undefined)
    tally.same('SHA-256 of the file', toHex(sha256(file.bytes)), stated.file_sha256)
  const log = (fixture.get('event_log') as vela.Json[]).map(event => readAny(vela.printJson(event)))
  checkLog(tally, log, stated)
  const view = vela.emptyView({ genesis: (fixture.get('genesis_findings') ?? []) as Members[] })
  for (const { head, text } of log) tally.same(`problems of ${head.id}`, vela.applyEvent(view, { text }).problems, [])
  tally.same('computed conflicts', [...vela.viewConflicts(view)], [])
  const rows = vela.viewRows(view)
  const failed = tally.failed
  for (const [name, table] of Object.entries(ROWS)) {
    if (!fixture.has(name)) {
      tally.note(`no ${name} in it`)
      continue
    }
    const own = vela.printJson(vela.toJson(rows[table as keyof vela.ViewRows]))
    tally.same(name, own, vela.printJson(fixture.get(name)!))
  }
  tally.stated('rows_equal', tally.failed === failed, stated?.rows_equal)
  tally.stated('scenario', fixture.get('scenario'), stated?.scenario)
}

/** A manifest of fixtures. Those that are not here are only counted. */
export function checkFixtureManifest(tally: Tally, file: DataFile, folder: Folder): void {
  const { fixtures } = file.plain as { fixtures: { path: string; sha256: string; bytes?: number }[] }
  let absent = 0
  for (const { path, sha256: hash, bytes } of fixtures) {
    const fixture = folder.beside(file, path)
    if (fixture === undefined) {
      absent += 1
      continue
    }
    tally.same(`SHA-256 of ${path}`, `sha256:${toHex(sha256(fixture.bytes))}`, hash)
    if (bytes !== undefined) tally.same(`bytes of ${path}`, fixture.bytes.length, bytes)
  }
  if (absent > 0) tally.note(`${absent} of ${fixtures.length} are not here`)
}

/** The plain values of a lock, which is YAML. */
export function lockedValues(file: DataFile): Map<string, string> {
  return new Map([...file.text.matchAll(/^(\w+): (\S+)$/gm)].map(match => [match[1]!, match[2]!]))
}

/** A lock: the hashes of the frontier beside it that can be computed from its file. */
export function checkLock(tally: Tally, file: DataFile, folder: Folder): void {
  const beside = folder.beside(file, 'frontier.json')
  const events = logBeside(folder, file)
  if (beside === undefined || events === undefined) return tally.note('no frontier.json beside it')
  const frontier = vela.readFrontier(beside.bytes)
  const published = lockedValues(file)
  tally.same('snapshot_hash', published.get('snapshot_hash'), `sha256:${vela.snapshotHash(frontier)}`)
  const forms = (['full', 'content'] as const).map(form => `sha256:${vela.eventLogHash(events, form)}`)
  tally.same('event_log_hash of either form', forms.includes(published.get('event_log_hash') ?? ''), true)
  const proposals = vela.proposalStateHash(listOf(frontier, 'proposals'))
  tally.same('proposal_state_hash', published.get('proposal_state_hash'), `sha256:${proposals}`)
  tally.same('frontier_id', published.get('frontier_id'), frontier.id)
  const stated = folder.stated(file)?.published
  if (!isObject(stated) || !isObject(stated[file.base])) return
  for (const [name, value] of Object.entries(stated[file.base] as Plain)) tally.same(name, published.get(name), value)
}

/** What a proof was last made of: nothing beside it has its hashes but the log, and that of an empty log is known. */
export function checkProofState(tally: Tally, file: DataFile, folder: Folder): void {
  const { latest_packet: packet } = file.plain as Plain
  const stem = file.base.split('.')[0]!
  const section = folder.expected[stem]
  if (!isObject(section) || !isObject(packet)) return
  const { proof_state_event_log_hash_is_of_empty_log: empty } = section
  if (typeof empty !== 'boolean') return
  tally.same('its log hash is of the empty log', packet.event_log_hash === vela.eventLogHash([], 'full'), empty)
}

function listOf(frontier: Pick<vela.Frontier, 'members'>, name: string): Members[] {
  return (frontier.members.get(name) ?? []) as Members[]
}

function exact(file: DataFile): vela.Json {
  return vela.parseJson(file.bytes, { numbers: 'exact' })
}

/** Nothing says that every finding keeps the id of its claim, so this is no failure. */
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
