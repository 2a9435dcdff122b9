// A temporary folder that is removed afterwards, on Ctrl-C too, because the stores of a benchmark
// can be large.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'

const interrupted = 130

export async function inTemporaryFolder<T>(prefix: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), prefix))
  const remove = (): void => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  const stop = (): void => {
    remove()
    process.exit(interrupted)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, stop)
  try {
    return await use(folder)
  } finally {
    for (const signal of signals) process.off(signal, stop)
    remove()
  }
}
