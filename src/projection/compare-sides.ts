// What each side of a conflict has, as JSON (protocol/resolution.md, G12): of a compared field its value; of a finding that one side
// lacks, whether it is there. The texts of conflicts are made for people and round scores; who settles one needs the values.

import { printJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import type { Conflict, ConflictKind } from '../vela/federation/diff.ts'
import type { Finding } from '../vela/files/frontier-file.ts'
import { ABSENT, isAboutPresence, PRESENT } from '../vela/resolution/field-values.ts'

/** Canonical JSON of both sides; a side that has nothing there is null. */
export interface Sides {
  readonly ours: string
  readonly theirs: string
}

type Findings = { readonly findings: readonly Finding[] }

/** For conflicts of `diffFrontiers` over these frontiers, in their order; undefined for those that have no sides. */
export function sidesOf(
  conflicts: readonly Conflict[],
  { ours, theirs }: { ours: Findings; theirs: Findings },
): (Sides | undefined)[] {
  const own = new Map(ours.findings.map(finding => [finding.id, finding]))
  const other = new Map(theirs.findings.map(finding => [finding.id, finding]))
  return conflicts.map(({ finding_id: id, kind }) => {
    const [a, b] = [sideOf(own.get(id), kind), sideOf(other.get(id), kind)]
    return a === undefined || b === undefined ? undefined : { ours: printJson(a), theirs: printJson(b) }
  })
}

function sideOf(finding: Finding | undefined, kind: ConflictKind): Json | undefined {
  if (isAboutPresence(kind)) return finding === undefined ? ABSENT : PRESENT
  if (finding === undefined) return undefined
  switch (kind) {
    case 'confidence_diverged': {
      // As it is spelled, which a double may not be.
      const confidence = finding.body.get('confidence')
      return confidence instanceof Map ? confidence.get('score') : undefined
    }
    case 'retracted_diverged':
      return finding.retracted
    case 'superseded_diverged':
      return finding.superseded
    case 'review_state_diverged':
      return finding.review_state ?? null
    case 'assertion_text_diverged':
      return finding.text
    case 'broken_locator':
    case 'unverified_peer_entry':
      return undefined
  }
}
