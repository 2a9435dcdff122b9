// Text: order by UTF-8 bytes, Unicode white space, and excerpts for messages.

/**
 * Compares by code points, which is the order of the UTF-8 bytes. JavaScript's `<` compares UTF-16
 * units.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Surrogates encode code points above U+FFFF, so they rank above U+E000–U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x2800 : unit
}

// White space is the Unicode property White_Space, as in the reference. `trim()` and `\s` differ:
// they keep U+0085 and remove U+FEFF. Untrusted text may be megabytes of white space, so every walk
// is linear.

const WHITE_SPACE = /^\p{White_Space}$/u

/** All such characters are single UTF-16 units. */
function isWhiteSpaceAt(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  if (unit < 0x80) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)
  return WHITE_SPACE.test(text.charAt(at))
}

/** True for empty text and for text of Unicode white space only. */
export function isBlank(text: string): boolean {
  return /^\p{White_Space}*$/u.test(text)
}

/** Returns the text without Unicode white space at its ends. */
export function trimWhiteSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isWhiteSpaceAt(text, start)) start += 1
  while (end > start && isWhiteSpaceAt(text, end - 1)) end -= 1
  return text.slice(start, end)
}

/** Returns the parts between runs of Unicode white space. No part is empty. */
export function splitWhiteSpace(text: string): string[] {
  return text.split(/\p{White_Space}+/u).filter(part => part !== '')
}

/** Returns at most 64 UTF-16 units of `text` for a message, with `…` where more follow. */
export function excerpt(text: string): string {
  return text.length <= 64 ? text : `${text.slice(0, 64)}…`
}
