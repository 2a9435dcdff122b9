// The fields of a finding that concurrent events may contest, and the records of their writers.
// Spec: protocol/replay.md, R15.

import type { Json } from '../../json/value.ts'

/** The contestable fields, in listing order. */
export const FIELDS = ['confidence', 'polarity', 'retracted', 'review_state', 'superseded', 'text'] as const
/** One of FIELDS. */
export type Field = (typeof FIELDS)[number]

/** The conflict kind of each field, as in protocol/federation.md. */
export const FIELD_KINDS = {
  confidence: 'confidence_diverged',
  polarity: 'polarity_diverged',
  retracted: 'retracted_diverged',
  review_state: 'review_state_diverged',
  superseded: 'superseded_diverged',
  text: 'assertion_text_diverged',
} as const satisfies Record<Field, string>

/** An event that set a field. */
export interface FieldWriter {
  readonly event: string
  readonly value: Json
  /** The nodes that carry the event; undefined without a causal order. */
  readonly nodes: readonly number[] | undefined
  /** For the polarity: the verdicts that the event set with it. */
  readonly verdicts?: Verdicts | undefined
}

/** Values of the fields that decide for or against a finding. */
export type Verdicts = Readonly<Partial<Record<'retracted' | 'review_state', Json>>>

/** A field of a finding that a resolution has set. */
export interface SettledField {
  readonly finding_id: string
  readonly field: Field
  /** The writers that it replaced, in replay order. */
  readonly replaced: readonly FieldWriter[]
}

/** The current writers of one field. */
export interface FieldState {
  /** In replay order; at most `REPLAY_LIMITS.settersMax`. */
  readonly writers: readonly FieldWriter[]
  /** Writers dropped beyond the limit. */
  readonly droppedCount: number
  readonly contested: boolean
}

/** The fields of one finding. */
export type FieldStates = Readonly<Partial<Record<Field, FieldState>>>
