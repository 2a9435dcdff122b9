// What a terminal must never get from a peer. Ids, reasons, notes and error messages were written by others and
// may hold escape sequences that move the cursor, or marks that turn text around; here they become visible text.
// Every line the command line prints passes through `escapeText`; JSON passes through `escapeJson`, which says the
// same with JSON's own escapes and so changes no value.

// Controls (C0, DEL, C1), marks that reorder text, line separators, invisible joiners and tags, lone surrogates.
// U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu
const UNSAFE_IN_JSON =
  /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu

/** Text as one terminal line shows it: each unsafe character becomes `\u{…}`. Escaping twice changes nothing more. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/**
 * JSON text with the unsafe characters inside its strings as `\uXXXX`: the same value. Controls below U+0020 are
 * left, as JSON text has them only between its tokens.
 */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE_IN_JSON, character => {
    let escaped = ''
    for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
    return escaped
  })
}
