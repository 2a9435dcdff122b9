// Checks of peers and actors: real lists, and single peers with stated verdicts.
// `reference_accepts` states what the reference does; where it accepts an unwise value, a stricter
// verdict here is a note, not a failure.

import { utf8 } from '../../src/base/bytes.ts'
import { isBlank } from '../../src/base/text.ts'
import * as vela from '../../src/vela/index.ts'
import type { DataFile, Plain } from './folder.ts'
import { codeOf, type Tally } from './tally.ts'
import { cases, LABELS } from './vector-checks.ts'

interface PeerCase {
  readonly peer: Plain
  readonly reference_accepts: boolean
  readonly field: string | null
}

const PEER_CODES: Record<string, string> = { id: 'ERR_PEER_ID', url: 'ERR_PEER_URL', public_key: 'ERR_KEY' }

/** A stricter verdict here is a note, but the stated one must be the reference's. */
export function checkPeerCases(tally: Tally, file: DataFile): void {
  for (const [index, one] of cases<PeerCase>(file).entries()) {
    const { peer, reference_accepts: accepts, field } = one
    const what = `peer ${index}`
    const code = codeOf(() => vela.readPeerHubs(utf8(JSON.stringify([peer]))))
    tally.same(`${what}: the reference takes it`, referenceTakes(peer), accepts)
    if (accepts && code !== undefined) tally.note(`stricter: ${what} is refused with ${code}`)
    else tally.same(`${what} is taken`, code === undefined, accepts)
    const wanted = PEER_CODES[field ?? '']
    if (accepts) tally.stated(`${what}: field`, null, field)
    else if (wanted !== undefined) tally.same(`${what}: refused with`, code, wanted)
    else tally.note(`not checked: field ${field}`)
    tally.unchecked(one, ['peer', 'reference_accepts', 'field', ...LABELS])
  }
}

/** The reference's rules for a peer. */
function referenceTakes({ id, url, public_key: key, added_at: at, note = null }: Plain): boolean {
  const texts =
    [id, url, key, at].every(value => typeof value === 'string') && (note === null || typeof note === 'string')
  return (
    texts &&
    !isBlank(id as string) &&
    (url as string).startsWith('https://') &&
    /^\s*[0-9a-fA-F]{64}\s*$/.test(key as string)
  )
}

/** Checks a real list of peers or actors: reading and printing keeps it. */
export function checkPeerList(tally: Tally, file: DataFile): void {
  const peers = vela.readPeerHubs(file.bytes)
  tally.same('peers read and printed', `[${peers.map(vela.printPeerHub).join()}]`, vela.canonicalize(file.bytes))
}

export function checkActorList(tally: Tally, file: DataFile): void {
  const actors = vela.readActors(file.bytes)
  tally.same('actors read', actors.length, cases(file).length)
}
