// Escapes text that is unsafe on a terminal. Ids, reasons, notes and error messages come from peers
// and can contain escape sequences that move the cursor, or marks that reorder text. Each printed
// line passes through `escapeText`; JSON passes through `escapeJson`, which uses JSON escapes and
// keeps the values.

// Control characters (C0, DEL, C1), bidirectional marks, line separators, invisible joiners and
// tags, lone surrogates. U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu
const UNSAFE_IN_JSON =
  /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu

/** Replaces each unsafe character by `\u{…}`. Idempotent. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/**
 * Replaces unsafe characters in JSON strings by `\uXXXX`; the value stays the same. Controls below
 * U+0020 stay, because JSON text has them only between its tokens.
 */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE_IN_JSON, character => {
    let escaped = ''
    for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
    return escaped
  })
}
