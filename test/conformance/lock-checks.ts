// Checks of lock files: the hashes that a published repository states of the files beside it.

import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import { logBeside } from './log-checks.ts'
import type { Tally } from './tally.ts'

/** The plain values of a lock, which is YAML. */
export function lockedValues(file: DataFile): Map<string, string> {
  return new Map([...file.text.matchAll(/^(\w+): (\S+)$/gm)].map(match => [match[1]!, match[2]!]))
}

/** Checks a lock: the hashes of the files beside it; the log hash also without the frontier. */
export function checkLock(tally: Tally, file: DataFile, folder: Folder): void {
  const beside = folder.beside(file, 'frontier.json')
  const frontier = beside === undefined ? undefined : vela.readFrontier(beside.bytes)
  const events = logBeside(folder, file)
  const proposals = proposalsOf(folder, file, frontier)
  const published = lockedValues(file)
  const stated = folder.stated(file)
  const checks = isObject(stated?.checks) ? stated.checks : {}
  const isCurrent = file.base === 'vela.lock'
  /** Checks equality, unless expected.json states that the current lock differs. */
  const locks = (name: string, found: string, check?: string) => {
    const isOther = isCurrent && check !== undefined && checks[check] === false
    if (isOther) tally.same(`${name} is another`, published.get(name) !== found, true)
    else tally.same(name, published.get(name), found)
  }
  if (events === undefined) tally.note('neither frontier.json nor events.json beside it')
  else {
    const forms = FORMS.map(form => `sha256:${vela.eventLogHash(events, form)}`)
    const said = checks[isCurrent ? 'lock_event_log_hash_is' : 'older_lock_event_log_hash_is']
    const isOne = forms.includes(published.get('event_log_hash') ?? '')
    tally.same('event_log_hash of either form', isOne, said === undefined || namesForm(said))
  }
  if (frontier === undefined) tally.note('not checked without a frontier.json: snapshot_hash, frontier_id')
  else {
    locks('snapshot_hash', `sha256:${vela.snapshotHash(frontier)}`, 'lock_snapshot_hash_equal')
    locks('frontier_id', frontier.id)
  }
  if (proposals === undefined) tally.note('not checked without proposals: proposal_state_hash')
  else locks('proposal_state_hash', `sha256:${vela.proposalStateHash(proposals)}`, 'lock_proposal_state_hash_equal')
  const values = stated?.published
  if (!isObject(values) || !isObject(values[file.base])) return
  for (const [name, value] of Object.entries(values[file.base] as Plain)) tally.same(name, published.get(name), value)
}

/** The published forms of a log hash. */
export const FORMS = ['content', 'full'] as const

/** A statement about a log hash names one of the forms; any other text means neither. */
export function namesForm(stated: unknown): boolean {
  return FORMS.some(form => stated === `${form} form`)
}

/** The list of a frontier file, else the file of that name. */
export function proposalsOf(
  folder: Folder,
  file: DataFile,
  frontier: vela.FrontierFile | undefined,
): vela.Json[] | undefined {
  if (frontier !== undefined) return (frontier.members.get('proposals') ?? []) as vela.Json[]
  const list = folder.beside(file, 'proposals.json')
  return list === undefined ? undefined : (vela.parseJson(list.bytes, { numbers: 'exact' }) as vela.Json[])
}
