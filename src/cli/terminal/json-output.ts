// Prints JSON on one terminal-safe line. Event texts are embedded as they were signed, so that
// numbers keep their notation.

import { escapeJson } from './escape.ts'

/**
 * Canonical JSON text that is printed unchanged. The caller guarantees that it is one JSON value.
 */
export class RawJson {
  readonly text: string

  constructor(text: string | Uint8Array) {
    this.text = typeof text === 'string' ? text : Buffer.from(text).toString('utf8')
  }
}

export type Printable =
  | null
  | boolean
  | number
  | string
  | RawJson
  | readonly Printable[]
  | { readonly [key: string]: Printable | undefined }

/**
 * Returns the members under snake_case names, and those of all objects in them: `heldCount` becomes
 * `held_count`.
 */
export function toJsonNames(members: { readonly [key: string]: Printable | undefined }): { [key: string]: Printable } {
  const renamed: { [key: string]: Printable } = {}
  for (const [key, member] of Object.entries(members)) {
    if (member === undefined) continue
    renamed[key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)] = withJsonNames(member)
  }
  return renamed
}

function withJsonNames(value: Printable): Printable {
  if (value instanceof RawJson || value === null || typeof value !== 'object') return value
  return isList(value) ? value.map(withJsonNames) : toJsonNames(value)
}

/** Returns one line of JSON. Undefined members are omitted. */
export function writeJson(value: Printable): string {
  return escapeJson(write(value))
}

function write(value: Printable): string {
  if (value instanceof RawJson) return value.text
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(write).join(',')}]`
  const members: string[] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${write(member)}`)
  }
  return `{${members.join(',')}}`
}

function isList(value: object): value is readonly Printable[] {
  return Array.isArray(value)
}

/** Indents JSON text by two spaces per level. Works on the text, so numbers keep their notation. */
export function indentJson(json: string): string[] {
  const lines: string[] = []
  let line = ''
  let depth = 0
  const end = (): void => {
    lines.push(line)
    line = '  '.repeat(depth)
  }
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!
    if (character === '"') {
      const close = stringEnd(json, i)
      line += json.slice(i, close)
      i = close - 1
    } else if (character === '{' || character === '[') {
      const empty = json[i + 1] === '}' || json[i + 1] === ']'
      line += empty ? json.slice(i, i + 2) : character
      if (empty) i++
      else {
        depth++
        end()
      }
    } else if (character === '}' || character === ']') {
      depth--
      end()
      line += character
    } else if (character === ',') {
      line += character
      end()
    } else line += character === ':' ? ': ' : character
  }
  lines.push(line)
  return lines
}

/** Returns the index after the closing quote of the string that starts at `start`. */
function stringEnd(json: string, start: number): number {
  let i = start + 1
  while (i < json.length && json[i] !== '"') i += json[i] === '\\' ? 2 : 1
  return i + 1
}
