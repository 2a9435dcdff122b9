// Checks that need more than one file: what expected.json states of comparisons between frontiers and of real passes of sync,
// and that none of the logs and frontiers it states anything of is missing.

import * as vela from '../../src/vela/index.ts'
import { type Folder, isObject, type Plain } from './folder.ts'
import { counted, hashOf } from './log-checks.ts'
import type { Tally } from './tally.ts'

interface Comparison {
  readonly ours: string
  readonly theirs: string
  readonly by_kind: Plain
  readonly sha256_of_canonical_conflict_list: string
}

export function checkExpected(tally: Tally, folder: Folder): void {
  const { comparisons, real_sync: sync } = folder.expected
  const frontiers = new Map<string, vela.Frontier | undefined>()
  const load = (name: string): vela.Frontier | undefined => {
    if (!frontiers.has(name)) {
      const file = folder.open(name)
      frontiers.set(name, file && vela.readFrontier(file.bytes))
    }
    return frontiers.get(name)
  }
  if (Array.isArray(comparisons)) for (const one of comparisons) checkComparison(tally, one, load)
  if (isObject(sync)) checkRealSync(tally, sync, folder, load)
  if (tally.passed + tally.failed === 0) tally.note('its values are checked with the files they are of')
}

type Load = (name: string) => vela.Frontier | undefined

function checkComparison(tally: Tally, comparison: Comparison, load: Load): void {
  const { ours, theirs, by_kind, sha256_of_canonical_conflict_list: hash } = comparison
  const [own, other] = [load(ours), load(theirs)]
  const what = `${ours} against ${theirs}`
  if (own === undefined || other === undefined) return tally.note(`${what} is not here`)
  const conflicts = vela.diffFrontiers(own, other)
  tally.same(`${what}: kinds`, counted(conflicts.map(({ kind }) => kind)), by_kind)
  tally.same(`${what}: hash of the list`, hashOf(vela.printJson(vela.toJson(conflicts))), hash)
}

/** The pair of files is found by the names `ours.…` and `peer.…` in one folder. */
function checkRealSync(tally: Tally, stated: Plain, folder: Folder, load: Load): void {
  const ours = folder.files.find(name => /(?:^|\/)real-sync\/ours\.[^/]+\.json$/.test(name))
  const peer = ours?.replace(/\/ours\./, '/peer.')
  const [own, other] = [ours === undefined ? undefined : load(ours), peer === undefined ? undefined : load(peer)]
  if (own === undefined || other === undefined) return tally.note('the files of real-sync are not here')
  tally.same('conflicts of the real pair', vela.diffFrontiers(own, other), stated.conflicts_ours_vs_peer)
  const found: Plain = {
    snapshot_hash_ours_as_is: vela.snapshotHash(own),
    snapshot_hash_peer_as_is: vela.snapshotHash(other),
    'snapshot_hash_peer_as_read_by_0.40': vela.snapshotHash(other, { reader: '0.40' }),
  }
  for (const [name, value] of Object.entries(found)) if (name in stated) tally.same(name, value, stated[name])
}
