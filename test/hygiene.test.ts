// Checks the tests and the comments of src by reading them. uvu passes a file that checks nothing, so
// the forms that lead there are refused, and so are sleeps. Long runs (millions of inputs, hundreds of
// killed processes) are campaigns: programs in test/campaign/, started by hand, each with a short form
// among the tests. A timer in a test has a comment `// timer: …` with the reason, on its line or before.

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

const COMMENT_COLUMNS_MAX = 100

/** Phrases that comments of src do not use, and the plain form. */
const idioms: readonly { name: string; pattern: RegExp }[] = [
  { name: 'a free relative as subject', pattern: /(?:^|[.!?] )(?:What|Who)\b(?![^.?]*\?)/g },
  { name: '"who" without a noun', pattern: /\b(?:for|to|by|of|from|with|and|than|as) who\b/g },
  { name: '"whoever" or "whatever"', pattern: /\b[Ww]ho(?:m)?ever\b|\b[Ww]hatever\b/g },
  { name: '"is no" instead of "is not a"', pattern: /(?<!\bthere )\b(?:is|are|was|were) no (?!longer\b)/gi },
  {
    name: '"behind" instead of "after"',
    pattern: /(?<!\b(?:leaves?|queues?) )\bbehind\b(?! (?:a|the) (?:reverse )?proxy)/g,
  },
  {
    name: '"answers" instead of "returns"',
    pattern:
      /(?:^|[.] )Answers\b|\b(?:that|which|it|hub|peer|side|and|who) answers\b|\banswers (?:how|with|whether|what|where|who|true|false|the)\b/g,
  },
  { name: '"is to be"', pattern: /\b(?:is|are|was|were) to be\b/g },
  { name: '"one\'s own"', pattern: /\b[Oo]ne['’]s own\b/g },
  { name: '"so many" instead of a number', pattern: /\bso many\b/g },
  { name: '"how to end it" instead of "unsubscribe"', pattern: /\b[Hh]ow to (?:end|stop|leave|give|release)\b/g },
]

/** The paragraphs of comments of a source, each on one line without comment marks. */
function comments(text: string): string[] {
  const paragraphs: string[] = []
  let open: string[] = []
  const close = (): void => {
    if (open.length > 0) paragraphs.push(open.join(' '))
    open = []
  }
  for (const line of text.split('\n')) {
    const whole = /^\s*(?:\/\/|\/\*\*?|\*(?=[\s/]|$))\s?(.*?)\s*(?:\*\/)?$/.exec(line)
    if (whole !== null) {
      if (whole[1] === '') close()
      else open.push(whole[1]!)
      continue
    }
    close()
    const tail = /\s\/\/ (.*)$/.exec(line)
    if (tail !== null) paragraphs.push(tail[1]!)
  }
  close()
  return paragraphs
}

function commentFaults({ path, text }: Source): string[] {
  const long = text
    .split('\n')
    .filter(line => line.length > COMMENT_COLUMNS_MAX && /^\s*(?:\/\/|\/\*|\*[\s/])/.test(line))
    .map(line => `${path}: a comment of ${line.length} columns: ${line.trim().slice(0, 60)}`)
  const odd = comments(text).flatMap(comment =>
    idioms.flatMap(({ name, pattern }) =>
      [...comment.matchAll(pattern)].map(
        ({ index }) => `${path}: ${name}: ${comment.slice(Math.max(0, index - 20), index + 40)}`,
      ),
    ),
  )
  return [...long, ...odd]
}

/** Constructions with one home or none: promise chains as mutexes, proxies, prototypes, hidden state of a module. */
function constructionFaults({ path, code }: Source): string[] {
  const banned = [
    ...(path === 'src/base/mutex.ts' ? [] : [/\.then\(task\b/g]),
    /\bnew Proxy\b/g,
    /\bObject\.create\(/g,
    /^(?:export )?(?:const|let|var) \w+(?:: [^=]+)? = new Weak(?:Map|Set|Ref)\b/gm,
  ]
  return banned.flatMap(pattern => [...code.matchAll(pattern)].map(match => `${path}: ${match[0]}`))
}

test('comments of src are plain and at most 100 columns wide', () => {
  none(sources('src').flatMap(commentFaults))
})

test('src has no promise chains as mutexes, no proxies and no hidden state of a module', () => {
  none(sources('src').flatMap(constructionFaults))
})

const oddComments = [
  '// What is begun is finished.',
  '// The limit holds. Who comes later waits.',
  '// Sent once more for who asks again.',
  '/** Whoever waits longest goes first. */',
  '/** Tells whatever came. */',
  '/** The name, where it is no id. */',
  '/** The byte behind the string. */',
  '/** Answers the heads. */',
  '/** The node that is to be sent. */',
  "/** One's own key. */",
  '/** After so many bytes. */',
  '/** How to end it. */',
  '/** The room\n * behind the comma. */',
  'const a = 1 // behind the comma',
]

const oddCode = [
  'this.#last = this.#last.then(task)',
  'const a = new Proxy({}, {})',
  'const b = Object.create(null)',
  'const known = new WeakMap<object, string>()',
  'export const seen: WeakSet<object> = new WeakSet()',
]

test('each of these rules sees its own violation, and plain text has none', () => {
  const source = (text: string): Source => ({ path: 'src/a.ts', text, code: withoutComments(text) })
  for (const text of oddComments) assert.is(commentFaults(source(text)).length, 1, text)
  assert.is(commentFaults(source(`// ${'word '.repeat(20)}`)).length, 1)
  for (const text of oddCode) assert.is(constructionFaults(source(text)).length, 1, text)
  const plain = [
    '// Returns what the peer lacks. Is it no longer open? What then?',
    '/** A hub behind a reverse proxy. Is undefined if there are no heads. */',
    "const text = 'whoever is behind'",
    'class A { readonly #known = new WeakMap() }',
  ]
  for (const text of plain) assert.equal([...commentFaults(source(text)), ...constructionFaults(source(text))], [])
})

test.run()
