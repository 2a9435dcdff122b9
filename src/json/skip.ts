// Passing over a JSON value that nobody will use, such as that of a member that an event does not have (protocol/event.md, V16). As the
// reference does, only its syntax is checked: it may be deeper than a value that is read, its numbers larger than any
// double, its escapes halves of a pair. It walks without recursion and keeps one byte for each level that is open.

import { expect, fail, type ParserCursor, peek, takeLiteral, takeNumber } from './parser.ts'

const OBJECT = 1
const ARRAY = 2

/** Consumes one value. @throws ReplicaError ERR_JSON */
export function skipValue(cursor: ParserCursor): void {
  const open = new Levels()
  for (;;) {
    const opening = peek(cursor)
    if (opening === '{' || opening === '[') {
      cursor.at += 1
      open.push(opening === '{' ? OBJECT : ARRAY)
      if (!closes(cursor, open.top)) {
        if (open.top === OBJECT) skipKey(cursor)
        continue
      }
      open.pop()
    } else skipScalar(cursor, opening)
    while (open.top !== 0 && closes(cursor, open.top)) open.pop()
    if (open.top === 0) return
    expect(cursor, ',')
    if (open.top === OBJECT) skipKey(cursor)
  }
}

/** Which kinds of brackets are open: an array of strings would be eight times as large as a text of brackets alone. */
class Levels {
  #kinds = new Uint8Array(64)
  #depth = 0

  /** 0 when nothing is open. */
  get top(): number {
    return this.#depth === 0 ? 0 : this.#kinds[this.#depth - 1]!
  }

  push(kind: number): void {
    if (this.#depth === this.#kinds.length) {
      const larger = new Uint8Array(this.#depth * 2)
      larger.set(this.#kinds)
      this.#kinds = larger
    }
    this.#kinds[this.#depth++] = kind
  }

  pop(): void {
    this.#depth -= 1
  }
}

function closes(cursor: ParserCursor, kind: number): boolean {
  if (peek(cursor) !== (kind === OBJECT ? '}' : ']')) return false
  cursor.at += 1
  return true
}

function skipKey(cursor: ParserCursor): void {
  if (peek(cursor) !== '"') fail(cursor, 'a key expected')
  skipString(cursor)
  expect(cursor, ':')
}

function skipScalar(cursor: ParserCursor, first: string): void {
  if (first === '"') skipString(cursor)
  else if (first === 't') takeLiteral(cursor, 'true')
  else if (first === 'f') takeLiteral(cursor, 'false')
  else if (first === 'n') takeLiteral(cursor, 'null')
  else takeNumber(cursor)
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

function skipString(cursor: ParserCursor): void {
  const { text } = cursor
  cursor.at += 1
  for (;;) {
    const unit = text.charCodeAt(cursor.at)
    if (unit === 0x22) break
    if (unit === 0x5c) {
      ESCAPE.lastIndex = cursor.at
      if (!ESCAPE.test(text)) fail(cursor, 'a bad escape in a string')
      cursor.at = ESCAPE.lastIndex
    } else if (unit >= 0x20) cursor.at += 1
    else fail(cursor, cursor.at < text.length ? 'a control character in a string' : 'a string without end')
  }
  cursor.at += 1
}
