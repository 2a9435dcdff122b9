// What of a finding may be contested (protocol/replay.md, R15): the fields that findings are compared by, and who set them.

import type { Json } from '../../json/value.ts'

/** In the order in which they are listed. */
export const FIELDS = ['confidence', 'polarity', 'retracted', 'review_state', 'superseded', 'text'] as const
export type Field = (typeof FIELDS)[number]

/** What a conflict about the field is called, as where frontiers are compared (protocol/federation.md). */
export const FIELD_KINDS = {
  confidence: 'confidence_diverged',
  polarity: 'polarity_diverged',
  retracted: 'retracted_diverged',
  review_state: 'review_state_diverged',
  superseded: 'superseded_diverged',
  text: 'assertion_text_diverged',
} as const satisfies Record<Field, string>

export interface FieldWriter {
  readonly event: string
  readonly value: Json
  readonly nodes: readonly number[] | undefined
  /** Of a setter of polarity: the verdicts that the event set with it. */
  readonly verdicts?: Verdicts | undefined
}

/** Fields whose values speak for or against a finding. */
export type Verdicts = Readonly<Partial<Record<'retracted' | 'review_state', Json>>>

/** A field of a finding that a resolution has set. */
export interface SettledField {
  readonly finding_id: string
  readonly field: Field
  /** The setters that it took the place of, in the order of replay. */
  readonly replaced: readonly FieldWriter[]
}

export interface FieldState {
  /** In the order of replay. */
  readonly writers: readonly FieldWriter[]
  /** Setters that stood and were more than are kept. */
  readonly droppedCount: number
  readonly contested: boolean
}

export type FieldStates = Readonly<Partial<Record<Field, FieldState>>>
