// JSON as the command line prints it: one line, terminal-safe, with event texts embedded as they were signed, so
// that no number loses its spelling on the way out.

import { escapeJson } from './escape.ts'

/** Canonical JSON text that is printed as it stands. The caller knows that it is one JSON value. */
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

/** One line of JSON. Members that are undefined are left out. */
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

/** JSON text with line breaks and two spaces a level, for people. Works on the text alone: numbers keep their spelling. */
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

/** Index after the closing quote of the string that opens at `start`. */
function stringEnd(json: string, start: number): number {
  let i = start + 1
  while (i < json.length && json[i] !== '"') i += json[i] === '\\' ? 2 : 1
  return i + 1
}
