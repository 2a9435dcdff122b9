// Checks of the published suites: canonical vectors, ids, proposals, entries, a signed proposal,
// and frontiers that refer to each other; against the statements of the suites and of
// expected.json.

import { sha256, toHex } from '../../src/base/bytes.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import { hashOf } from './log-checks.ts'
import type { Members } from './state-checks.ts'
import type { Tally } from './tally.ts'

/** Vectors with JSON inputs, which are read from the text of the file because they test numbers. */
export function checkCanonicalVectors(tally: Tally, file: DataFile, folder: Folder): void {
  const vectors = (file.lossless() as Map<string, Members[]>).get('vectors')!
  let held = 0
  for (const vector of vectors) {
    const { failed } = tally
    const canonical = vela.printJson(vector.get('input')!)
    tally.same(`canonical form of ${vector.get('name')}`, canonical, vector.get('canonical'))
    tally.same(`hash of ${vector.get('name')}`, hashOf(canonical), vector.get('sha256'))
    if (tally.failed === failed) held += 1
  }
  checkCount(tally, statedOf(file, folder), [held, vectors.length])
}

/** Checks the statements of expected.json about a file of published vectors. */
function statedOf(file: DataFile, folder: Folder): unknown {
  const { conformance } = folder.expected
  return isObject(conformance) ? conformance[file.base] : undefined
}

/** Checks a stated ratio of passing cases. */
function checkCount(tally: Tally, stated: unknown, found: readonly [number, number]): void {
  if (Array.isArray(stated)) tally.same('cases that hold, of all', found, stated)
}

/** Checks one of the three suites of published cases, distinguished by their inputs. */
export function checkSuite(tally: Tally, file: DataFile, folder: Folder): void {
  const lossless = (file.lossless() as Map<string, Members[]>).get('cases')!
  const computed = statedOf(file, folder)
  const published: boolean[] = []
  let held = 0
  for (const [index, { name, input, expected_output: wanted }] of casesIn(file).entries()) {
    const { failed } = tally
    const members = lossless[index]!.get('input') as Members
    if ('preimage_sha256' in wanted) {
      tally.same(name, toHex(sha256(vela.entryPreimage(input as never))), wanted.preimage_sha256)
    } else if (members.has('assertion')) {
      tally.same(name, vela.findingId(members), wanted.id)
      checkShape(tally, vela.findingId(members), wanted)
    } else if (members.has('payload')) {
      const id = vela.proposalId({ ...(input as vela.ProposalContent & Plain), payload: members.get('payload')! })
      const other = isObject(computed) ? computed[name] : undefined
      tally.stated(name, id, wanted.id)
      checkShape(tally, id, wanted)
      tally.stated(`${name}: computed id`, id, other)
      if (wanted.id !== undefined) published.push(id === wanted.id)
      else if (other === undefined) tally.note(`no id is stated of '${name}'`)
    } else tally.note(`'${name}' is a case of no known kind`)
    if (tally.failed === failed) held += 1
  }
  checkCount(tally, computed, [held, lossless.length])
  const { conformance } = folder.expected
  const equal = isObject(conformance) ? conformance[`${file.base} published id equal`] : undefined
  tally.stated(
    'published ids equal',
    published.every(one => one),
    equal,
  )
}

function checkShape(tally: Tally, id: string, { id_length: length, prefix }: Plain): void {
  tally.stated(`length of ${id}`, id.length, length)
  if (typeof prefix === 'string') tally.same(`beginning of ${id}`, id.slice(0, prefix.length), prefix)
}

const casesIn = (file: DataFile): SuiteCase[] => (file.plain as { cases: SuiteCase[] }).cases

interface SuiteCase {
  readonly name: string
  readonly input: Plain
  readonly expected_output: Plain
}

export function checkSignedProposal(tally: Tally, file: DataFile, folder: Folder): void {
  const fixture = file.lossless() as Members
  const stated = fixture.get('proposal') as Members
  const [key, signature] = [fixture.get('pubkey_hex') as string, fixture.get('signature_hex') as string]
  const proposal = vela.readProposal(vela.printJson(stated))
  tally.same('proposal id', proposal.id, stated.get('id'))
  const verifies = vela.verifyProposal(proposal, { key, signature }, verify)
  tally.same('signature verifies', verifies, true)
  const computed = statedOf(file, folder)
  if (isObject(computed)) {
    tally.stated('id_equal', proposal.id === stated.get('id'), computed.id_equal)
    tally.stated('signature_verifies', verifies, computed.signature_verifies)
  }
  const changed = { ...proposal, created_at: `${proposal.created_at} ` }
  tally.same('it verifies nothing else', vela.verifyProposal(changed, { key, signature }, verify), false)
}

/**
 * Checks two frontiers that refer to each other: each member with a path has hashes; the pin is a
 * snapshot hash.
 */
export function checkCrossFrontier(tally: Tally, file: DataFile, folder: Folder): void {
  const stated = Object.entries(file.plain as Plain).filter((entry): entry is [string, Plain] => isObject(entry[1]))
  const frontiers = new Map<unknown, vela.FrontierFile>()
  const { conformance } = folder.expected
  const others = isObject(conformance) ? conformance[file.folder.split('/').at(-1)!] : undefined
  for (const [name, values] of stated.filter(([, values]) => typeof values.path === 'string')) {
    const found = folder.beside(file, values.path as string)
    if (found === undefined) tally.fail(`${name}: there is no ${values.path}`)
    else {
      const frontier = vela.readFrontier(found.bytes)
      frontiers.set(frontier.id, frontier)
      const own: Plain = {
        vfr_id: frontier.id,
        snapshot_hash: vela.snapshotHash(frontier),
        event_log_hash: vela.eventLogHash(frontier.events, 'full'),
      }
      const computed = isObject(others) ? others[name] : undefined
      for (const [member, value] of Object.entries(own)) {
        tally.same(`${name}: ${member}`, value, values[member])
        if (isObject(computed))
          tally.stated(`${name}: ${member}_equal`, value === values[member], computed[`${member}_equal`])
      }
      tally.same(
        `${name}: finding`,
        frontier.findings.some(({ id }) => id === values.finding_id),
        true,
      )
    }
  }
  for (const [name, values] of stated) {
    if ('pinned_snapshot_hash' in values) checkPin(tally, { name, stated: values, frontiers })
    if ('from_finding' in values) checkLink(tally, { name, stated: values, frontiers })
  }
}

interface Between {
  readonly name: string
  readonly stated: Plain
  readonly frontiers: ReadonlyMap<unknown, vela.FrontierFile>
}

/** Checks that a pin is the stated one and the snapshot hash of the other frontier. */
function checkPin(tally: Tally, { name, stated, frontiers }: Between): void {
  const { in_frontier: by, vfr_id: of, pinned_snapshot_hash: pinned, must_match_actual_snapshot_of: like = of } = stated
  for (const id of new Set([of, like])) {
    const other = frontiers.get(id)
    tally.same(`${name}: snapshot hash of ${id}`, other && vela.snapshotHash(other), pinned)
  }
  if (by !== undefined) {
    const { dependencies } = plainOf(frontiers.get(by)?.members.get('frontier'))
    const pins = objectsIn(dependencies).filter(({ vfr_id }) => vfr_id === of)
    tally.same(
      `${name}: pin of ${by}`,
      pins.map(({ pinned_snapshot_hash: hash }) => hash),
      [pinned],
    )
  }
  tally.unchecked(stated, ['in_frontier', 'vfr_id', 'pinned_snapshot_hash', 'must_match_actual_snapshot_of'])
}

/** Checks that a finding links with that type to an existing finding of the other frontier. */
function checkLink(tally: Tally, { name, stated, frontiers }: Between): void {
  const { from_frontier: by, from_finding: from, to_frontier: of, to_finding: to, target, link_type: type } = stated
  const finding = (frontier: unknown, id: unknown) => frontiers.get(frontier)?.findings.find(one => one.id === id)
  tally.same(`${name}: target`, `${to}@${of}`, target)
  const { links } = plainOf(finding(by, from)?.body)
  const found = objectsIn(links).some(link => link.target === target && link.type === type)
  tally.same(`${name}: link of ${from} in ${by}`, found, true)
  tally.same(`${name}: ${to} in ${of}`, finding(of, to) !== undefined, true)
  const known = ['from_frontier', 'from_finding', 'to_frontier', 'to_finding', 'target', 'link_type']
  tally.unchecked(stated, known)
}

function plainOf(members: vela.Json | ReadonlyMap<string, vela.Json> | undefined): Plain {
  return members instanceof Map ? (vela.fromJson(members as vela.Json) as Plain) : {}
}

function objectsIn(list: unknown): Plain[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}
