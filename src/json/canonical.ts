// Canonical JSON (protocol/event.md, V1–V10): one text for one value, which ids, hashes and signatures are made over.

import * as buffer from 'node:buffer'
import { utf8 } from '../base/bytes.ts'
import { valueEnd } from './canonical-scanner.ts'
import { type ParseOptions, parseJson, printJson } from './json.ts'
import { isUnicode } from './value.ts'

/**
 * The canonical form of a JSON text. With the default reading of numbers the result is byte for byte that of the
 * reference implementation, whose reader moves some long floats: a second pass may move them again. With `{ numbers:
 * 'exact' }` a canonical text is its own canonical form.
 * @throws ReplicaError ERR_JSON when the text is no JSON, or deeper than 127 levels.
 */
export function canonicalize(text: string | Uint8Array, options: ParseOptions = {}): string {
  return printJson(parseJson(text, options))
}

/** True when the text is canonical JSON: one pass, no recursion, of bytes no copies. */
export function isCanonical(text: string | Uint8Array): boolean {
  // Bytes of a lone surrogate would be those of U+FFFD.
  if (typeof text === 'string') return isUnicode(text) && isCanonical(utf8(text))
  return buffer.isUtf8(text) && valueEnd(text, 0) === text.length
}
