// The end of a log in a PostgreSQL store: counts, the last commit, and versions of what changes.

import type { Digest } from '../../base/bytes.ts'
import type { TextState } from '../store.ts'
import type { PgRow } from './pg-driver.ts'
import { pgArray, pgBytes, pgInt } from './pg-values.ts'

/** Order of the counts in the column `texts`. */
export const PG_STATES = ['here', 'wanted', 'left-out', 'erased', 'void'] as const satisfies readonly TextState[]
/** Columns of `frontier` that describe the end of a log. */
export const PG_END = 'nodes, events, commits, link, texts, text_changes, held_changes'

/** The end of a log, as of one commit. */
export interface PgLogEnd {
  readonly nodes: number
  readonly events: number
  readonly commits: number
  /** SHA-256 of the last commit record, or the genesis link. */
  readonly link: Digest
  readonly texts: readonly number[]
  readonly textChanges: number
  readonly heldChanges: number
}

/** Reads the columns of `PG_END`. */
export function readPgEnd(row: PgRow): PgLogEnd {
  const [nodes, events, commits, link, texts, textChanges, heldChanges] = row
  return {
    nodes: pgInt(nodes),
    events: pgInt(events),
    commits: pgInt(commits),
    link: Buffer.from(pgBytes(link)),
    texts: pgArray(texts).map(pgInt),
    textChanges: pgInt(textChanges),
    heldChanges: pgInt(heldChanges),
  }
}
