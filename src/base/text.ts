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
