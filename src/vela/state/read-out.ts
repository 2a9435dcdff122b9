// Reading a view: the effect rows by which implementations compare their replays, and the whole
// objects. Both are sorted by id, so equal views give equal lists. Spec: protocol/replay.md, R12,
// R13.

import { compareText } from '../../base/text.ts'
import { printFixed } from '../../json/number.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { type Body, listAt, memberAt, textOf } from './json-path.ts'
import type { ObjectTable, View } from './state.ts'

/** The effect row of an object that may be reviewed and retracted. */
export interface JudgedRow {
  readonly id: string
  readonly retracted: boolean
  /** `none` without a review. */
  readonly review_state: string
  /** `public` unless it was set. */
  readonly access_tier: string
}

/** The effect row of a finding. */
export interface FindingRow extends JudgedRow {
  readonly contested: boolean
  /** A decimal with six digits after the point. */
  readonly confidence_score: string
  /** Sorted. */
  readonly annotation_ids: readonly string[]
}

/** The effect row of a trajectory. */
export interface TrajectoryRow extends JudgedRow {
  /** In append order. */
  readonly step_ids: readonly string[]
}

/** The effect row of an artifact. */
export interface ArtifactRow extends JudgedRow {
  readonly kind: string
}

/** The effect rows of all tables, each list sorted by id. */
export interface ViewRows {
  readonly findings: readonly FindingRow[]
  readonly negative_results: readonly JudgedRow[]
  readonly trajectories: readonly TrajectoryRow[]
  readonly artifacts: readonly ArtifactRow[]
  readonly replications: readonly { readonly id: string; readonly target_finding: string; readonly outcome: string }[]
  readonly predictions: readonly {
    readonly id: string
    readonly made_by: string
    readonly expired_unresolved: boolean
  }[]
}

/** Returns the effect rows of a view. */
export function viewRows(view: View): ViewRows {
  const rows = <R>(table: ObjectTable, row: (id: string, body: Body) => R): R[] =>
    viewObjects(view, table).map(({ id, body }) => row(id, body))
  return {
    findings: rows('findings', findingRow),
    negative_results: rows('negative_results', judgedRow),
    trajectories: rows('trajectories', (id, body) => ({ ...judgedRow(id, body), step_ids: idsIn(body, 'steps') })),
    artifacts: rows('artifacts', (id, body) => ({ ...judgedRow(id, body), kind: textOf(body, 'kind') ?? '' })),
    replications: rows('replications', (id, body) => ({
      id,
      target_finding: textOf(body, 'target_finding') ?? '',
      outcome: textOf(body, 'outcome') ?? '',
    })),
    predictions: rows('predictions', (id, body) => ({
      id,
      made_by: textOf(body, 'made_by') ?? '',
      expired_unresolved: body.get('expired_unresolved') === true,
    })),
  }
}

/**
 * Returns the objects of a table after their last event, sorted by id. The caller must not change
 * them.
 */
export function viewObjects(view: View, table: ObjectTable): { readonly id: string; readonly body: Body }[] {
  const entries = [...view.objects[table].entries()].sort(([a], [b]) => compareText(a, b))
  return entries.map(([id, body]) => ({ id, body }))
}

/**
 * Returns one object after its last event; undefined if the table lacks it. The caller must not
 * change it.
 */
export function viewObject(view: View, table: ObjectTable, id: string): Body | undefined {
  return view.objects[table].get(id)
}

function findingRow(id: string, body: Body): FindingRow {
  const flags = memberAt(body, ['flags'])
  const flag = flags instanceof Map ? flags : new Map<string, Json>()
  const score = memberAt(body, ['confidence', 'score'])
  return {
    id,
    retracted: flag.get('retracted') === true,
    contested: flag.get('contested') === true,
    review_state: textOf(flag, 'review_state') ?? 'none',
    confidence_score: printFixed(score instanceof JsonNumber ? score.toNumber() : 0, 6),
    annotation_ids: idsIn(body, 'annotations').sort(compareText),
    access_tier: textOf(body, 'access_tier') ?? 'public',
  }
}

function judgedRow(id: string, body: Body): JudgedRow {
  return {
    id,
    retracted: body.get('retracted') === true,
    review_state: textOf(body, 'review_state') ?? 'none',
    access_tier: textOf(body, 'access_tier') ?? 'public',
  }
}

function idsIn(body: Body, list: string): string[] {
  return listAt(body, [list]).map(item => (item instanceof Map ? textOf(item, 'id') : undefined) ?? '')
}
