// What expected.json states of a published repository as a whole: which of the hashes that its lock and its proof files say come
// out of the frontier beside them.

import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import { eventsOf, logBeside } from './log-checks.ts'
import { lockedValues } from './state-checks.ts'
import type { Tally } from './tally.ts'

export function checkRepositories(tally: Tally, folder: Folder): void {
  for (const section of folder.sections()) {
    for (const [name, stated] of Object.entries(section)) {
      if (!isObject(stated) || !isObject(stated.checks)) continue
      const file = folder.files.find(one => one === `${name}/frontier.json` || one.endsWith(`/${name}/frontier.json`))
      if (file === undefined) tally.fail(`checks are stated of ${name}, and no ${name}/frontier.json is here`)
      else checkRepository(tally, { folder, file: folder.open(file)!, name, stated: stated.checks })
    }
  }
}

interface Repository {
  readonly folder: Folder
  readonly file: DataFile
  readonly name: string
  readonly stated: Plain
}

function checkRepository(tally: Tally, { folder, file, name, stated }: Repository): void {
  const frontier = vela.readFrontier(file.bytes)
  const events = logBeside(folder, file) ?? eventsOf(file.bytes)
  const lock = locked(folder, file, one => one === 'vela.lock')
  const older = locked(folder, file, one => one.startsWith('vela.lock.'))
  const proposals = (frontier.members.get('proposals') ?? []) as vela.Json[]
  const proof = (base: string, lines: readonly string[]) => {
    const wanted = folder
      .beside(file, base)
      ?.text.split('\n')
      .filter(line => line !== '')
    return wanted && { wanted, found: [lines.filter((line, index) => line === wanted[index]).length, wanted.length] }
  }
  const manifest = proof('events.manifest.jsonl', vela.eventManifest(events))
  const ids = manifest?.wanted.map(line => JSON.parse(line).id)
  const found: Plain = {
    frontier_id_from_meta_equal: metaName(frontier) === frontier.id,
    lock_snapshot_hash_equal: lock?.get('snapshot_hash') === `sha256:${vela.snapshotHash(frontier)}`,
    lock_proposal_state_hash_equal: lock?.get('proposal_state_hash') === `sha256:${vela.proposalStateHash(proposals)}`,
    manifest_event_hashes_equal: manifest?.found,
    manifest_order_is_file_order: ids?.every((id, index) => id === events[index]?.head.id),
    replay_trace_chain_equal: proof('replay.trace.jsonl', vela.replayTrace(events))?.found,
  }
  for (const [member, value] of Object.entries(found))
    if (member in stated) tally.same(`${name}: ${member}`, value, stated[member])
  for (const [member, values] of Object.entries({ lock_event_log_hash_is: lock, older_lock_event_log_hash_is: older }))
    if (member in stated) tally.same(`${name}: ${member}`, formOf(events, values, stated[member]), stated[member])
}

function locked(
  folder: Folder,
  file: DataFile,
  isIt: (base: string) => boolean,
): ReadonlyMap<string, string> | undefined {
  const path = folder.files.find(one => {
    const at = one.lastIndexOf('/')
    return one.slice(0, Math.max(at, 0)) === (file.folder === '.' ? '' : file.folder) && isIt(one.slice(at + 1))
  })
  return path === undefined ? undefined : lockedValues(folder.open(path)!)
}

/** The form that the lock has of the log; an unsigned log in order of its ids has both, and then what is said of it is right. */
function formOf(
  events: readonly vela.EventReading[],
  lock: ReadonlyMap<string, string> | undefined,
  stated: unknown,
): string {
  const forms = (['content', 'full'] as const)
    .filter(form => lock?.get('event_log_hash') === `sha256:${vela.eventLogHash(events, form)}`)
    .map(form => `${form} form`)
  return forms.find(form => form === stated) ?? forms[0] ?? 'neither'
}

/** The name of a frontier by its description alone. */
export function metaName({ members }: Pick<vela.Frontier, 'members'>): string {
  const rest = new Map(members)
  for (const member of ['frontier_id', 'events']) rest.delete(member)
  return vela.readFrontier(vela.printFrontier({ members: rest })).id
}
