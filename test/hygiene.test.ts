// Tests of the tests, by reading them: what would let uvu pass a file that checks nothing, and what makes tests slow or
// flaky. Long runs (millions of inputs, hundreds of killed processes) are campaigns: programs in test/campaign/, started by hand,
// each with a short form among the tests. A timer in a test carries a comment `// timer: …` on its line or the one before, with the reason.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { none, type Source, sources, specifiers, target, withoutComments } from './sources.ts'

const test = suite('hygiene')

const all = sources('test')

/** What is wrong with one file of the tests, in sentences. */
function faults({ path, text, code }: Source): string[] {
  const found = timersWithoutReason(text)
  if (/\bprocess\.(?:on|once|addListener)\(\s*'(?:unhandledRejection|uncaughtException)'/.test(code)) {
    found.push('catches what nobody else caught')
  }
  if (path.endsWith('.test.ts')) found.push(...suiteFaults(code))
  else if (/\bsuite\s*\(\s*'/.test(code) && path !== 'test/store/conformance.ts') {
    found.push('makes a suite but is no .test.ts file, so nobody runs it')
  }
  return found.map(fault => `${path}: ${fault}`)
}

function suiteFaults(code: string): string[] {
  const found = []
  const suites = [...code.matchAll(/^(?:const|let|export const) (\w+) = suite\s*\(/gm)].map(match => match[1]!)
  const names = suites.join('|') || 'test'
  if (suites.length === 0) found.push("has no top-level `const test = suite('…')`")
  for (const name of suites) {
    if (!new RegExp(`^${name}\\.run\\(\\)$`, 'm').test(code)) found.push(`never calls ${name}.run() at top level`)
  }
  if (!code.trimEnd().endsWith('.run()')) found.push('does not end with .run()')
  if (/^import \{[^}]*\btest\b[^}]*\} from 'uvu'/m.test(code))
    found.push("uses uvu's shared test instead of a suite of its own")
  for (const [word] of code.matchAll(/\b\w+\.(?:only|skip)\(/g)) found.push(`has ${word})`)
  for (const [word] of code.matchAll(new RegExp(`\\b(?:${names})\\.(?:before|after)\\b`, 'g')))
    found.push(`has the hook ${word}`)
  const titles = [...code.matchAll(new RegExp(`^[ \\t]*(?:${names})\\(\\s*(['"])(.+?)\\1,`, 'gm'))].map(
    match => match[2]!,
  )
  for (const title of new Set(titles)) {
    if (titles.filter(other => other === title).length > 1) found.push(`has two tests named '${title}'`)
    if (!title.includes(' ')) found.push(`has a test whose name is no sentence: '${title}'`)
  }
  if (!/from '(?:uvu\/assert|node:assert(?:\/strict)?)'/.test(code)) found.push('imports no assertions')
  return found
}

function timersWithoutReason(text: string): string[] {
  const lines = text.split('\n')
  const timer = /\b(?:setTimeout|setInterval)\s*\(|timers\/promises|Atomics\.wait\(|\bsleep\s*\(/
  const bare = lines.filter((line, index) => {
    if (!timer.test(withoutComments(line))) return false
    return !/\/\/ timer: \S+ \S+/.test(line) && !/\/\/ timer: \S+ \S+/.test(lines[index - 1] ?? '')
  })
  return bare.map(line => `has a timer without a reason: ${line.trim()}`)
}

test('every test file runs what it defines, once, without hooks, exclusions and unexplained timers', () => {
  assert.ok(all.some(source => source.path === 'test/hygiene.test.ts'))
  none(all.flatMap(faults))
})

test('suites have names of their own, so that a failure says where it is', () => {
  const names = all.flatMap(({ code }) => [...code.matchAll(/^const \w+ = suite\('(.+?)'\)/gm)].map(match => match[1]!))
  const twice = names.filter((name, index) => names.indexOf(name) !== index)
  assert.equal(twice, [])
})

test('a campaign is no test file and names the test that is its short form', () => {
  const campaign = all.filter(source => source.path.startsWith('test/campaign/'))
  none(
    campaign.filter(source => source.path.endsWith('.test.ts')).map(source => `${source.path}: too long to wait for`),
  )
  const imported = new Set(all.flatMap(({ path, code }) => specifiers(code).map(name => target(path, name))))
  const programs = campaign.filter(source => !imported.has(source.path))
  const tests = new Set(all.map(source => source.path))
  const named = (text: string) => /^\/\/.*\bShort form: (test\/[\w/-]+\.test\.ts)/m.exec(text)?.[1] ?? ''
  none(
    programs
      .filter(({ text }) => !tests.has(named(text)))
      .map(({ path }) => `${path}: its header needs \`Short form: test/….test.ts\` on a line`),
  )
})

// Each sample breaks one rule; `~` keeps them from being taken for this file's own code.
const start = "import { suite } from 'uvu'\nimport * as assert from 'uvu/assert'\nconst test = suite('a')\n"
const body = "test('one thing holds', () => assert.ok(1))\n"
const samples: { name: string; text: string; fault: RegExp }[] = [
  { name: 'no run', text: start + body, fault: /never calls test\.run/ },
  { name: 'run before the last test', text: `${start}test.run()\n${body}`, fault: /does not end/ },
  { name: 'an only', text: `${start}test~.only('x y', f)\ntest.run()`, fault: /has test\.only/ },
  { name: 'a skip', text: `${start}test~.skip('x y', f)\ntest.run()`, fault: /has test\.skip/ },
  { name: 'a hook', text: `${start}test~.before(f)\n${body}test.run()`, fault: /hook test\.before/ },
  { name: 'a hook for each', text: `${start}test~.after.each(f)\n${body}test.run()`, fault: /hook test\.after/ },
  { name: 'a name twice', text: `${start}${body}${body}test.run()`, fault: /two tests named/ },
  { name: 'a name of one word', text: `${start}test('works', f)\ntest.run()`, fault: /no sentence/ },
  { name: 'a sleep', text: `${start}${body}await sleep~(50)\ntest.run()`, fault: /timer without a reason/ },
  {
    name: 'no assertions',
    text: `import { suite } from 'uvu'\nconst test = suite('a')\n${body}test.run()`,
    fault: /no assertions/,
  },
  { name: 'the shared suite', text: `import { test } from 'uvu'\n${body}test.run()`, fault: /shared test/ },
  {
    name: 'a second suite left out',
    text: `${start}const more = suite('b')\n${body}test.run()`,
    fault: /never calls more/,
  },
]

test('each of these rules sees its own violation, and a good file has none', () => {
  const check = (text: string) => faults({ path: 'test/a.test.ts', text, code: withoutComments(text) })
  assert.equal(check(`${start}${body}test.run()\n`), [])
  for (const { name, text, fault } of samples) {
    const found = check(text.replaceAll('~', ''))
    assert.ok(
      found.some(line => fault.test(line)),
      `${name}: ${found.join('; ') || 'nothing seen'}`,
    )
  }
})

test.run()
