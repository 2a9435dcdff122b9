// HTML as a template literal. Every value is escaped unless it is HTML of this module, so text from
// frontiers can't become markup. Spec: protocol/http.md, H32.

import { PAGE_LIMITS } from '../../base/page-limits.ts'

/** HTML that is safe to send. Only `html` makes it. */
export class Html {
  readonly text: string

  /** Not for callers: use `html`. */
  constructor(text: string) {
    this.text = text
  }
}

/** A value of a template: text is escaped, HTML is not, an array is joined, nothing is empty. */
export type HtmlValue = Html | string | number | undefined | readonly HtmlValue[]

/**
 * Returns HTML in which every value is escaped.
 *
 * @example
 * html`<p title="${title}">${text}</p>`
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.map((part, at) => (at === 0 ? part : `${textOf(values[at - 1])}${part}`)).join(''))
}

function textOf(value: HtmlValue): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(textOf).join('')
  return escaped(cut(String(value)))
}

/** Returns the text, with `…` where more than `pageTextMax` characters follow. */
function cut(text: string): string {
  return text.length <= PAGE_LIMITS.pageTextMax ? text : `${text.slice(0, PAGE_LIMITS.pageTextMax)}…`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/**
 * Escapes text for content and attributes. Control characters and those that change the direction
 * of text, which could make a page say something else, are replaced.
 */
function escaped(text: string): string {
  return text
    .replace(/[&<>"]/g, char => ENTITIES[char]!)
    .replaceAll("'", '&#39;')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
