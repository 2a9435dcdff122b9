// Checks of locks: the hashes that a published repository says of what is beside it.

import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import { logBeside } from './log-checks.ts'
import type { Tally } from './tally.ts'

/** The plain values of a lock, which is YAML. */
export function lockedValues(file: DataFile): Map<string, string> {
  return new Map([...file.text.matchAll(/^(\w+): (\S+)$/gm)].map(match => [match[1]!, match[2]!]))
}

/** A lock: the hashes of what is beside it, of the log also where the frontier isn't there. */
export function checkLock(tally: Tally, file: DataFile, folder: Folder): void {
  const beside = folder.beside(file, 'frontier.json')
  const frontier = beside === undefined ? undefined : vela.readFrontier(beside.bytes)
  const events = logBeside(folder, file)
  const proposals = proposalsOf(folder, file, frontier)
  const published = lockedValues(file)
  if (events === undefined) tally.note('neither frontier.json nor events.json beside it')
  else {
    const forms = (['full', 'content'] as const).map(form => `sha256:${vela.eventLogHash(events, form)}`)
    tally.same('event_log_hash of either form', forms.includes(published.get('event_log_hash') ?? ''), true)
  }
  if (frontier === undefined) tally.note('not checked without a frontier.json: snapshot_hash, frontier_id')
  else {
    tally.same('snapshot_hash', published.get('snapshot_hash'), `sha256:${vela.snapshotHash(frontier)}`)
    tally.same('frontier_id', published.get('frontier_id'), frontier.id)
  }
  if (proposals === undefined) tally.note('not checked without proposals: proposal_state_hash')
  else
    tally.same(
      'proposal_state_hash',
      published.get('proposal_state_hash'),
      `sha256:${vela.proposalStateHash(proposals)}`,
    )
  const stated = folder.stated(file)?.published
  if (!isObject(stated) || !isObject(stated[file.base])) return
  for (const [name, value] of Object.entries(stated[file.base] as Plain)) tally.same(name, published.get(name), value)
}

/** Of a frontier file, else the list of that name. */
export function proposalsOf(
  folder: Folder,
  file: DataFile,
  frontier: vela.Frontier | undefined,
): vela.Json[] | undefined {
  if (frontier !== undefined) return (frontier.members.get('proposals') ?? []) as vela.Json[]
  const list = folder.beside(file, 'proposals.json')
  return list === undefined ? undefined : (vela.parseJson(list.bytes, { numbers: 'exact' }) as vela.Json[])
}
