// Checks over several files: the statements of expected.json about comparisons of frontiers,
// repositories and real comparisons; that no log or frontier that it mentions is missing; and which
// of its values no check has read.

import * as vela from '../../src/vela/index.ts'
import { type Folder, isObject, isSubject, type Plain } from './folder.ts'
import { checkRepositories } from './git-checks.ts'
import { counted, hashOf } from './log-checks.ts'
import type { Tally } from './tally.ts'

/** Values about the file itself, not about the folder. */
const REMARKS: ReadonlySet<string> = new Set(['made_by', 'comment', 'note', 'schema', 'schema_version'])
/** At most this many unread values are listed; all are counted. */
const NAMED_MAX = 20

interface Comparison {
  readonly ours: string
  readonly theirs: string
  readonly by_kind: Plain
  readonly sha256_of_canonical_conflict_list: string
}

/** Called after the checks of all other files. */
export function checkExpected(tally: Tally, folder: Folder): void {
  const { comparisons, real_sync: sync } = folder.expected
  const frontiers = new Map<string, vela.FrontierFile | undefined>()
  const load = (name: string): vela.FrontierFile | undefined => {
    if (!frontiers.has(name)) {
      const file = folder.open(name)
      frontiers.set(name, file && vela.readFrontier(file.bytes))
    }
    return frontiers.get(name)
  }
  if (Array.isArray(comparisons)) for (const one of comparisons) checkComparison(tally, one, load)
  if (isObject(sync)) checkRealSync(tally, sync, folder, load)
  checkRepositories(tally, folder)
  checkSeen(tally, folder)
}

/** A statement about a missing file is a failure; a value that no check knows is only listed. */
function checkSeen(tally: Tally, folder: Folder): void {
  const unseen = folder.unseen().filter(path => !REMARKS.has(path.at(-1)!))
  const subjects = new Map<string, boolean>()
  const note = (path: readonly string[], value: Plain): void => {
    if (isSubject(value)) subjects.set(path.join(' / '), folder.isSeen(path))
    else for (const [name, member] of Object.entries(value)) if (isObject(member)) note([...path, name], member)
  }
  note([], folder.raw)
  const bases = new Set(folder.files.map(file => file.split('/').at(-1)!))
  for (const path of unseen) {
    const absent = path.findIndex(part => /\.jsonl?$/.test(part) && !bases.has(part.split('/').at(-1)!))
    if (absent >= 0) subjects.set(path.slice(0, absent + 1).join(' / '), false)
  }
  for (const [name, seen] of subjects) if (!seen) tally.fail(`values are stated of ${name}, which is not here`)
  const missing = [...subjects].filter(([, seen]) => !seen).map(([name]) => `${name} / `)
  const left = unseen
    .map(path => path.join(' / '))
    .filter(name => !missing.some(start => `${name} / `.startsWith(start)))
  if (left.length === 0) return
  const named = left.slice(0, NAMED_MAX).join(', ')
  tally.note(`${left.length} values that no check looks at: ${named}${left.length > NAMED_MAX ? ', …' : ''}`)
}

type Load = (name: string) => vela.FrontierFile | undefined

function checkComparison(tally: Tally, comparison: Comparison, load: Load): void {
  const { ours, theirs, by_kind, sha256_of_canonical_conflict_list: hash } = comparison
  const what = `${ours} against ${theirs}`
  tally.unchecked(comparison, ['ours', 'theirs', 'by_kind', 'sha256_of_canonical_conflict_list'])
  const [own, other] = [load(ours), load(theirs)]
  if (own === undefined || other === undefined) return tally.fail(`${what}: not both are here`)
  const conflicts = vela.diffFrontiers(own, other)
  tally.same(`${what}: kinds`, counted(conflicts.map(({ kind }) => kind)), by_kind)
  tally.same(`${what}: hash of the list`, hashOf(vela.printJson(vela.toJson(conflicts))), hash)
}

/** The pair of files has the names `ours.…` and `peer.…` in one folder. */
function checkRealSync(tally: Tally, stated: Plain, folder: Folder, load: Load): void {
  const ours = folder.files.find(name => /(?:^|\/)real-sync\/ours\.[^/]+\.json$/.test(name))
  const peer = ours?.replace(/\/ours\./, '/peer.')
  const [own, other] = [ours === undefined ? undefined : load(ours), peer === undefined ? undefined : load(peer)]
  if (own === undefined || other === undefined) return tally.fail('the files of real-sync are not here')
  const { conflicts_ours_vs_peer: conflicts } = stated
  tally.stated('conflicts of the real pair', vela.diffFrontiers(own, other), conflicts)
  const found: Plain = {
    snapshot_hash_ours_as_is: vela.snapshotHash(own),
    snapshot_hash_peer_as_is: vela.snapshotHash(other),
    'snapshot_hash_peer_as_read_by_0.40': vela.snapshotHash(other, { reader: '0.40' }),
  }
  for (const [name, value] of Object.entries(found)) if (name in stated) tally.same(name, value, stated[name])
  const clocked = stated.snapshot_hash_ours_with_load_clock_of_third_sync
  const recorded = (hash: unknown): boolean => folder.passes.some(pass => pass.ours === hash)
  if (clocked !== undefined) tally.same('a pass recorded our hash with its load clock', recorded(clocked), true)
  const known = [...Object.values(found), clocked]
  if (Array.isArray(stated.passes)) for (const one of stated.passes) checkPass(tally, one, { folder, known })
}

/** `known`: the hashes of the pair, ours with the time of the comparison included. */
function checkPass(
  tally: Tally,
  stated: Plain,
  { folder, known }: { folder: Folder; known: readonly unknown[] },
): void {
  const { target, timestamp, peer_id: peer } = stated
  const what = `the pass of ${timestamp} with ${peer}`
  const pass = folder.passes.find(one => one.target === target && one.timestamp === timestamp && one.peer === peer)
  if (pass === undefined) return tally.fail(`${what}: no log here has it`)
  const found: Plain = {
    divergence_count: pass.divergence,
    events_in_log: pass.events,
    events_regenerated_with_equal_id: pass.equal,
    our_hash_reproduced: known.includes(pass.ours),
    peer_hash_reproduced: known.includes(pass.theirs),
  }
  tally.unchecked(stated, ['target', 'timestamp', 'peer_id', ...Object.keys(found)])
  for (const [name, value] of Object.entries(found))
    if (name in stated) tally.same(`${what}: ${name}`, value, stated[name])
}
