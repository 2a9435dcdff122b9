// Reads JSON Lines as a stream with one event per line, for files of any length. `readLog` reads
// the other forms at once.

import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { ReplicaError } from '../../base/errors.ts'

const NEWLINE = 0x0a

/**
 * Yields the lines that are not blank, without line ends.
 * @throws ReplicaError ERR_JSON for a line that is too long
 */
export async function* eventLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const line = new Line()
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      line.add(chunk.subarray(from, end))
      from = end + 1
      const whole = line.take()
      if (!isBlank(whole)) yield whole
    }
    line.add(chunk.subarray(from))
  }
  const last = line.take()
  if (!isBlank(last)) yield last
}

/** Returns whether a byte is JSON white space. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every(isSpace)
}

class Line {
  #parts: Uint8Array[] = []
  #length = 0

  add(part: Uint8Array): void {
    this.#length += part.length
    if (this.#length > CLI_LIMITS.eventFileBytesMax)
      throw new ReplicaError('ERR_JSON', `a line has more than ${CLI_LIMITS.eventFileBytesMax} bytes`)
    if (part.length > 0) this.#parts.push(part)
  }

  take(): Uint8Array {
    const whole = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)
    this.#parts = []
    this.#length = 0
    return whole
  }
}
