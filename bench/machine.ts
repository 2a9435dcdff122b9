// The machine of the measurement, without which the figures have no meaning.

import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  /** The file system of the stores: fsync is free in memory and expensive on a disk. */
  readonly files: string
  readonly node: string
  /** With `+` if files differ from the commit. */
  readonly commit: string
  readonly date: string
}

/** Magic numbers of statfs(2). */
const fileSystems: { readonly [type: number]: string } = {
  61267: 'ext4',
  16914836: 'tmpfs',
  2435016766: 'btrfs',
  1481003842: 'xfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
}

export function machine(repository: string): Machine {
  const { type } = fs.statfsSync(os.tmpdir())
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    files: fileSystems[type] ?? `file system 0x${type.toString(16)}`,
    node: process.version,
    commit: commitOf(repository),
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  }
}

export function describeMachine(of: Machine): string {
  const hardware = `${of.cpu}, ${of.cores} cores, ${of.memoryGiB} GiB, ${of.system}, ${of.files}`
  return `${hardware} · Node ${of.node} · commit ${of.commit} · ${of.date} UTC`
}

function commitOf(repository: string): string {
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '')
  } catch {
    return 'unknown'
  }
}
