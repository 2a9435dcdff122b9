#!/usr/bin/env node
// The process of the command line: arguments, streams, signals and exit code. No other file of this
// package uses `process`. The first interrupt requests a graceful stop; the second ends the
// process.

import * as fs from 'node:fs'
import { isatty } from 'node:tty'
import { ReplicaError } from '../base/errors.ts'
import { fileSink, type OutputStream, streamSink, streamSource } from './io.ts'
import { runProgram } from './program.ts'

const stdout = sinkOf(1, () => process.stdout)
const stderr = sinkOf(2, () => process.stderr)
const controller = new AbortController()

function sinkOf(descriptor: number, stream: () => NodeJS.WriteStream): OutputStream {
  const kind = fs.fstatSync(descriptor)
  const isFile = kind.isFile() || (kind.isCharacterDevice() && !isatty(descriptor))
  return isFile ? fileSink(descriptor) : streamSink(stream())
}

/** Callbacks for SIGHUP. Without one, SIGHUP stops the command. */
const reloaders = new Set<() => void>()

function stop(): void {
  if (controller.signal.aborted) process.exit(1)
  controller.abort(new ReplicaError('ERR_ABORTED', 'the command was interrupted'))
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop)
/** Standard streams that are a terminal. */
const terminals = [0, 1, 2].filter(descriptor => isatty(descriptor))

/** The terminals that were closed: their descriptors no longer are one. */
function closedTerminals(): number[] {
  return terminals.filter(descriptor => !isatty(descriptor))
}

process.on('SIGHUP', () => {
  // The system sends SIGHUP when the terminal closes; an operator sends it to reload.
  // The system and the shell may both send it, so a second one is not the wish to end at once.
  if (reloaders.size === 0 || closedTerminals().length > 0) return controller.signal.aborted ? undefined : stop()
  for (const reload of reloaders) reload()
})

for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(name, (error: unknown) => {
    process.stderr.write(`replica: internal error: ${error instanceof Error ? error.stack : error}\n`)
    process.exit(4)
  })
}

/** Returns the limit of open files of this process; undefined where the system does not show it. */
function openFilesMax(): number | undefined {
  let limits: string
  try {
    limits = fs.readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return undefined
  }
  const found = /^Max open files\s+([0-9]+)/m.exec(limits)
  return found === null ? undefined : Number(found[1])
}

const exit = await runProgram(process.argv.slice(2), {
  io: { stdin: streamSource(isatty(0), () => process.stdin, controller.signal), stdout, stderr },
  cwd: process.cwd(),
  dir: process.env.REPLICA_DIR || undefined,
  runtime: {
    pid: process.pid,
    node: process.versions.node,
    openFilesMax: openFilesMax(),
    residentBytes: () => process.memoryUsage.rss(),
    onReload: reload => {
      reloaders.add(reload)
      return () => reloaders.delete(reload)
    },
  },
  signal: controller.signal,
})
// A failed write to stdout was already reported and is in the exit code.
await Promise.allSettled([stdout.flush(), stderr.flush()])
// Node aborts at the exit if it can't restore the settings of a terminal that was closed.
for (const descriptor of closedTerminals()) fs.closeSync(descriptor)
process.exit(exit)
