// White space as Unicode has it (the property White_Space), by which the reference trims and splits text. It is not what
// trim() and \s take off: those leave U+0085 and take U+FEFF. Hostile text may be megabytes of blanks, so both walks are linear.

const BLANK = /^\p{White_Space}$/u

/** All such characters are single UTF-16 units. */
function isBlankAt(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  if (unit < 0x80) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)
  return BLANK.test(text.charAt(at))
}

/** The text without white space at its ends. */
export function trimWhiteSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlankAt(text, start)) start += 1
  while (end > start && isBlankAt(text, end - 1)) end -= 1
  return text.slice(start, end)
}

/** The pieces between runs of white space, none of them empty. */
export function splitWhiteSpace(text: string): string[] {
  return text.split(/\p{White_Space}+/u).filter(piece => piece !== '')
}

/** Order by code points (as UTF-8 bytes), where JavaScript's own is by UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Surrogates stand for code points above U+FFFF, so they rank above U+E000–U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x2800 : unit
}
