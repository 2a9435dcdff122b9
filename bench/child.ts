// Child processes for the work, so that each has its own memory to measure and both ends of a sync
// run concurrently. One request at a time, by name with plain data, and one response each.

import { fork } from 'node:child_process'
import { once } from 'node:events'

/** The requests that a process handles, by name. */
export type Tasks = { readonly [name: string]: (args: never) => Promise<unknown> }

type Answer = { value: unknown } | { error: string }

export class Child {
  readonly #process: ReturnType<typeof fork>

  /** `program` is a compiled file beside this one. */
  constructor(program: string, execArgv: readonly string[] = []) {
    const file = new URL(program, import.meta.url)
    this.#process = fork(file, [], { execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  async ask<T>(task: string, args: object = {}): Promise<T> {
    const child = this.#process
    child.send({ task, args })
    const answer = await new Promise<Answer>((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the process of ${task} ended with code ${code}`))
      child.once('exit', ended)
      child.once('message', (message: Answer) => {
        child.off('exit', ended)
        resolve(message)
      })
    })
    if ('error' in answer) throw new Error(`${task}: ${answer.error}`)
    return answer.value as T
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }
}

/** The child's end: handles requests until the parent disconnects, then calls `end`. */
export function answerRequests(tasks: Tasks, end: () => Promise<void> = async () => {}): void {
  process.on('message', async ({ task, args }: { task: string; args: never }) => {
    try {
      process.send!({ value: await tasks[task]!(args) })
    } catch (error) {
      process.send!({ error: error instanceof Error ? error.stack : String(error) })
    }
  })
  process.on('disconnect', async () => {
    await end()
    process.exit(0)
  })
}
