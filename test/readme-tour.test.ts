// README's tour of the command line, typed as it is printed: the hub's shell, the colleague's shell beside it, and the log out
// and in again. Only the port is another one, since some other process may have that of the README.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { scratch } from './shared-data.ts'
import { readText } from './sources.ts'

const test = suite('readme-tour')

const program = fileURLToPath(new URL('../bin/main.js', import.meta.url))

/** The `sh` blocks below the heading of the command line. */
function tour(): string[] {
  const section = readText('README.md')
    .split(/^## Command line$/m)[1]!
    .split(/^##+ /m)[0]!
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(match => match[1]!)
}

test('the commands of the tour work as they are printed', async () => {
  const [hub, colleague, outAndIn, ...more] = tour()
  assert.equal(more, [])
  await using dir = await scratch()
  fs.mkdirSync(dir.join('bin'))
  const script = `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`
  fs.writeFileSync(dir.join('bin', 'replica'), script, { mode: 0o755 })
  const env = { ...process.env, PATH: `${dir.join('bin')}${path.delimiter}${process.env.PATH}` }
  const shell = (text: string): ChildProcess => spawn('/bin/sh', ['-e', '-c', text], { cwd: dir.path, env })

  assert.match(hub!, /replica serve --listen 127\.0\.0\.1:7777\n$/)
  const served = shell(hub!.replace('7777', '0').replace(/^replica serve/m, 'exec replica serve'))
  try {
    const url = await printed(served, /listening on (ws:\S+)/)
    // One shell, since the third block begins where the second ended.
    const typed = shell(`${colleague}${outAndIn}`.replace('ws://127.0.0.1:7777', url))
    let said = ''
    for (const stream of [typed.stdout!, typed.stderr!]) {
      stream.on('data', chunk => {
        said += chunk
      })
    }
    const [exit] = await once(typed, 'close')
    assert.is(exit, 0, said)
    assert.match(said, /admitted +1\n/)
    assert.match(said, /added +3\n/)
    assert.match(said, /3 nodes checked, no faults/)
  } finally {
    served.kill('SIGTERM')
    if (served.exitCode === null) await once(served, 'close')
  }
})

/** The first match in what a process prints. */
async function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = ''
  child.stderr!.on('data', chunk => {
    text += chunk
  })
  for await (const chunk of child.stdout!) {
    text += chunk
    const found = pattern.exec(text)
    if (found !== null) return found[1]!
  }
  throw new Error(`the hub ended: ${text}`)
}

test.run()
