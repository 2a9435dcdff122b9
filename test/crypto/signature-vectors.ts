// The vectors of protocol/vectors/signature.json, by rule.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { fromHex } from '../../src/base/bytes.ts'
import { repository } from '../shared-data.ts'

export interface Vector {
  readonly name: string
  readonly rule: string
  readonly in: Readonly<Record<string, string>>
  readonly ok?: Readonly<Record<string, string | number | boolean>>
  readonly error?: string
}

const file = path.join(repository, 'protocol', 'vectors', 'signature.json')
const vectors: readonly Vector[] = JSON.parse(fs.readFileSync(file, 'utf8'))

/** Returns the vectors of these rules. Fails if there are none. */
export function vectorsOf(...rules: string[]): readonly Vector[] {
  const found = vectors.filter(vector => rules.includes(vector.rule))
  if (found.length === 0) throw new TypeError(`no vectors of ${rules.join(', ')}`)
  return found
}

export function bytes(hex: string | undefined): Uint8Array {
  const decoded = hex === undefined ? undefined : fromHex(hex)
  if (decoded === undefined) throw new TypeError(`not hex: ${hex}`)
  return decoded
}
