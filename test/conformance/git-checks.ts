// Checks of a published repository as a whole against expected.json: which hashes in its lock and
// proof files follow from the log beside them, and from the frontier, which may be missing.

import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import { FORMS, lockedValues, namesForm, proposalsOf } from './lock-checks.ts'
import { eventsOf, logBeside } from './log-checks.ts'
import type { Tally } from './tally.ts'

export function checkRepositories(tally: Tally, folder: Folder): void {
  for (const section of folder.sections()) {
    for (const name of Object.keys(section)) {
      // Without recording: other values of the section stay unread.
      const value: unknown = Object.getOwnPropertyDescriptor(section, name)?.value
      if (!isObject(value) || !isObject(value.checks)) continue
      const stated = section[name] as { checks: Plain }
      const file = fileOf(folder, name, 'frontier.json') ?? fileOf(folder, name, 'events.json')
      if (file === undefined) tally.fail(`checks are stated of ${name}, and neither its frontier nor its log is here`)
      else checkRepository(tally, { folder, file, name, stated: stated.checks })
    }
  }
}

/** Returns the file of that name in a folder of that name, at any depth. */
function fileOf(folder: Folder, name: string, base: string): DataFile | undefined {
  const path = `${name}/${base}`
  const found = folder.files.find(one => one === path || one.endsWith(`/${path}`))
  return found === undefined ? undefined : folder.open(found)
}

interface Repository {
  readonly folder: Folder
  /** Its frontier.json; its events.json if there is none. */
  readonly file: DataFile
  readonly name: string
  readonly stated: Plain
}

function checkRepository(tally: Tally, { folder, file, name, stated }: Repository): void {
  const whole = folder.beside(file, 'frontier.json')
  const frontier = whole === undefined ? undefined : vela.readFrontier(whole.bytes)
  const events = logBeside(folder, file) ?? eventsOf(file.bytes)
  const lock = locked(folder, file, one => one === 'vela.lock')
  const older = locked(folder, file, one => one.startsWith('vela.lock.'))
  const proof = (base: string, lines: readonly string[]) => {
    const wanted = folder
      .beside(file, base)
      ?.text.split('\n')
      .filter(line => line !== '')
    return wanted && { wanted, found: [lines.filter((line, index) => line === wanted[index]).length, wanted.length] }
  }
  const proposals = proposalsOf(folder, file, frontier)
  const manifest = proof('events.manifest.jsonl', vela.eventManifest(events))
  const ids = manifest?.wanted.map(line => JSON.parse(line).id)
  const found: Plain = {
    ...stateOf({ frontier, proposals, lock }),
    manifest_event_hashes_equal: manifest?.found,
    manifest_order_is_file_order: ids?.every((id, index) => id === events[index]?.head.id),
    replay_trace_chain_equal: proof('replay.trace.jsonl', vela.replayTrace(events))?.found,
  }
  checkAbsent(tally, { name, stated, found })
  for (const [member, value] of Object.entries(found))
    if (member in stated) tally.same(`${name}: ${member}`, value, stated[member])
  for (const [member, values] of Object.entries({ lock_event_log_hash_is: lock, older_lock_event_log_hash_is: older }))
    if (member in stated) {
      // The word for neither form is unknown.
      const wanted = namesForm(stated[member]) ? stated[member] : 'neither'
      tally.same(`${name}: ${member}`, formOf(events, values, stated[member]), wanted)
    }
}

type Lock = ReadonlyMap<string, string> | undefined

interface State {
  readonly frontier: vela.FrontierFile | undefined
  readonly proposals: vela.Json[] | undefined
  readonly lock: Lock
}

/** Statements that need the whole frontier or its proposals. */
function stateOf({ frontier, proposals, lock }: State): Plain {
  const locks = (name: string, hash: string): boolean => lock?.get(name) === `sha256:${hash}`
  return {
    ...(frontier !== undefined && {
      frontier_id_from_meta_equal: metaName(frontier) === frontier.id,
      lock_snapshot_hash_equal: locks('snapshot_hash', vela.snapshotHash(frontier)),
    }),
    ...(proposals !== undefined && {
      lock_proposal_state_hash_equal: locks('proposal_state_hash', vela.proposalStateHash(proposals)),
    }),
  }
}

const STATE_VALUES = ['frontier_id_from_meta_equal', 'lock_snapshot_hash_equal', 'lock_proposal_state_hash_equal']

/** A positive statement about a missing file is a failure; a negative or unknown one is not. */
function checkAbsent(tally: Tally, { name, stated, found }: { name: string; stated: Plain; found: Plain }): void {
  for (const member of STATE_VALUES.filter(one => one in stated && !(one in found))) {
    if (stated[member] === true) tally.fail(`${name}: ${member} is stated, and what it is about is not here`)
    else tally.note(`not checked: ${name} / ${member}, what it is about is not here`)
  }
}

function locked(folder: Folder, file: DataFile, isIt: (base: string) => boolean): Lock {
  const path = folder.files.find(one => {
    const at = one.lastIndexOf('/')
    return one.slice(0, Math.max(at, 0)) === (file.folder === '.' ? '' : file.folder) && isIt(one.slice(at + 1))
  })
  return path === undefined ? undefined : lockedValues(folder.open(path)!)
}

/**
 * The form of the log hash in the lock; an unsigned log sorted by id has both, so any statement is
 * right.
 */
function formOf(
  events: readonly vela.EventReading[],
  lock: ReadonlyMap<string, string> | undefined,
  stated: unknown,
): string {
  const forms = FORMS.filter(form => lock?.get('event_log_hash') === `sha256:${vela.eventLogHash(events, form)}`).map(
    form => `${form} form`,
  )
  return forms.find(form => form === stated) ?? forms[0] ?? 'neither'
}

/** The id of a frontier from its description only. */
export function metaName({ members }: Pick<vela.FrontierFile, 'members'>): string {
  const rest = new Map(members)
  for (const member of ['frontier_id', 'events']) rest.delete(member)
  return vela.readFrontier(vela.printFrontier({ members: rest })).id
}
