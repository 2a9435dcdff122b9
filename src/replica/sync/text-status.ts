// Counts the texts of a frontier by state. Spec: protocol/text.md, X1 and X7.

import type { KeptTexts } from '../../base/text-filter.ts'
import type { Frontier } from '../frontier.ts'

/** How many texts are in each state at this replica. */
export interface TextStatus {
  /** The texts of new nodes that this replica keeps. */
  readonly keeps: KeptTexts
  /** Whether no text is wanted. */
  readonly complete: boolean
  readonly here: number
  readonly wanted: number
  readonly leftOut: number
  readonly erased: number
  readonly void: number
}

/** Counts the texts of a frontier by state. */
export function textStatus({ log, policy }: Pick<Frontier, 'log' | 'policy'>): TextStatus {
  const { here, wanted, 'left-out': leftOut, erased, void: broken } = log.texts()
  return { keeps: policy.keeps, complete: wanted === 0, here, wanted, leftOut, erased, void: broken }
}
