// Reads columns in PostgreSQL's text format, and writes arrays in it.

import { ReplicaError } from '../../base/errors.ts'
import type { PgColumn, PgRow } from './pg-driver.ts'

/** Returns an `int2`, `int4` or `int8` as a number. */
export function pgInt(column: PgColumn | undefined): number {
  const value = Number(pgText(column))
  if (!Number.isSafeInteger(value)) throw unexpected()
  return value
}

export function pgBool(column: PgColumn | undefined): boolean {
  return pgText(column) === 't'
}

/** Returns a `bytea`. */
export function pgBytes(column: PgColumn | undefined): Buffer {
  const text = pgText(column)
  if (!text.startsWith('\\x')) throw unexpected()
  return Buffer.from(text.slice(2), 'hex')
}

export function pgText(column: PgColumn | undefined): string {
  if (column === null || column === undefined) throw unexpected()
  return column
}

/** Returns the elements of an array of numbers, booleans or `bytea`. */
export function pgArray(column: PgColumn | undefined): string[] {
  const text = pgText(column)
  if (text === '{}') return []
  // Only bytea is quoted, as "\\\\x…".
  return text
    .slice(1, -1)
    .split(',')
    .map(element => (element.startsWith('"') ? element.slice(2, -1) : element))
}

/** Returns the only row. */
export function onlyRow(rows: readonly PgRow[]): PgRow {
  const [row] = rows
  if (row === undefined) throw unexpected()
  return row
}

/** Returns `bytea[]`; an element without bytes is NULL. */
export function byteArray(elements: readonly (Uint8Array | undefined)[]): string {
  const one = (bytes: Uint8Array | undefined): string =>
    bytes === undefined
      ? 'NULL'
      : `"\\\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}"`
  return `{${elements.map(one).join(',')}}`
}

/** Returns an array of numbers. */
export function intArray(elements: readonly number[]): string {
  return `{${elements.join(',')}}`
}

function unexpected(): ReplicaError {
  return new ReplicaError('ERR_STORE_CORRUPT', 'the database returned a column that this program does not expect')
}
