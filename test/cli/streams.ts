// Streams in memory for tests of the command line.

import type { InputStream, Io, OutputStream } from '../../src/cli/io.ts'

export class MemorySink implements OutputStream {
  readonly terminal: boolean
  readonly columns: number
  readonly #parts: Uint8Array[] = []

  constructor(options: { terminal?: boolean; columns?: number } = {}) {
    this.terminal = options.terminal ?? false
    this.columns = options.columns ?? 80
  }

  async write(data: string | Uint8Array): Promise<void> {
    this.#parts.push(typeof data === 'string' ? Buffer.from(data) : Uint8Array.from(data))
  }

  async flush(): Promise<void> {}

  get bytes(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  get text(): string {
    return Buffer.from(this.bytes).toString('utf8')
  }
}

export function memorySource(...chunks: (string | Uint8Array)[]): InputStream {
  return {
    terminal: false,
    async *chunks() {
      for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    },
  }
}

export interface MemoryIo extends Io {
  readonly stdout: MemorySink
  readonly stderr: MemorySink
}

export function memoryIo(stdin: InputStream = memorySource(), options: { terminal?: boolean } = {}): MemoryIo {
  return { stdin, stdout: new MemorySink(options), stderr: new MemorySink(options) }
}
