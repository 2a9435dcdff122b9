// Executable documents: markdown that explains the command line and runs as a test. Prose is ignored; fenced
// blocks are read:
//
//   ```console lab          commands typed in the folder `lab`, each with what it prints
//   $ replica status        a command, run by sh; following lines that begin with `> ` belong to it
//   hub    hub:lab          what it prints, stdout and stderr as they come; `[..]` stands for anything within a line,
//   ...                     a line `...` for any lines
//   (exit 1)                its exit code, when that isn't 0
//
//   $ NAME=$(command)       keeps what the command prints in $NAME for all commands after it
//   $ replica serve … &     runs in the background; $LAB_URL, $LAB_KEY and $LAB_PID have its address, key and process id
//   $ kill $LAB_PID         stops it and waits until it has ended, with exit code 0
//
//   ```json lab/log.jsonl   a block with a path: a file of this content (any language but console)

export interface Step {
  readonly line: number
  readonly folder: string
  readonly command: string
  readonly expected: readonly string[]
  readonly exit: number
}

export interface DocumentFile {
  readonly path: string
  readonly text: string
}

/** The commands and files, in the order of the document. */
export type Part = { readonly step: Step } | { readonly file: DocumentFile }

export function readDocument(markdown: string): Part[] {
  const parts: Part[] = []
  const lines = markdown.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\w+) (\S+)$/.exec(lines[i]!)
    const end = /^```/.test(lines[i]!) ? lines.indexOf('```', i + 1) : i
    if (end < i) throw new TypeError(`the block at line ${i + 1} does not end`)
    if (fence !== null) {
      const body = lines.slice(i + 1, end)
      if (fence[1] !== 'console') parts.push({ file: { path: fence[2]!, text: `${body.join('\n')}\n` } })
      else parts.push(...readSteps(body, { folder: fence[2]!, line: i + 2 }).map(step => ({ step })))
    }
    i = end
  }
  return parts
}

function readSteps(lines: readonly string[], at: { folder: string; line: number }): Step[] {
  const steps: Step[] = []
  for (let i = 0; i < lines.length; ) {
    if (!lines[i]!.startsWith('$ ')) throw new TypeError(`line ${at.line + i}: output without a command`)
    const line = at.line + i
    let command = lines[i++]!.slice(2)
    while (lines[i]?.startsWith('> ')) command += `\n${lines[i++]!.slice(2)}`
    const expected: string[] = []
    while (i < lines.length && !lines[i]!.startsWith('$ ')) expected.push(lines[i++]!)
    while (expected.at(-1) === '') expected.pop()
    const code = /^\(exit (\d+)\)$/.exec(expected.at(-1) ?? '')
    if (code !== null) expected.pop()
    steps.push({ line, folder: at.folder, command, expected, exit: Number(code?.[1] ?? 0) })
  }
  return steps
}

/** Returns whether the printed lines match the expected lines with their wildcards. */
export function matches(printed: readonly string[], expected: readonly string[]): boolean {
  // reachable[i]: the first i printed lines are explained by the expected lines so far.
  let reachable = printed.map(() => false)
  reachable.unshift(true)
  for (const line of expected) {
    const next = reachable.map(() => false)
    const pattern = linePattern(line)
    for (let i = 0; i < reachable.length; i++) {
      if (line === '...') next[i] = reachable[i]! || next[i - 1] === true
      else if (i > 0 && reachable[i - 1] && pattern.test(printed[i - 1]!)) next[i] = true
    }
    reachable = next
  }
  return reachable.at(-1)!
}

function linePattern(line: string): RegExp {
  const literal = line.split('[..]').map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${literal.join('.*')}$`, 's')
}
