// The package as somebody gets it: what `npm pack` puts in, that its entry points and its command work from another folder,
// and that what it depends on is fixed. It is about dist/, so it wants `npm run build` before (as `npm test` does).

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PACKAGE_VERSION } from '../src/base/version.ts'
import { repository, type Scratch, scratch } from './shared-data.ts'
import { filesBelow, none, readText } from './sources.ts'

const test = suite('package')

const run = promisify(childProcess.execFile)
const manifest = JSON.parse(readText('package.json'))
const entryPoints = ['frontier-replica', ...['event', 'hub', 'store', 'vela'].map(name => `frontier-replica/${name}`)]

function readDocs(): { dependencies: Record<string, string> } {
  return JSON.parse(readText('docs/typedoc/package.json'))
}

let listing: Promise<string[]> | undefined

/** The files that `npm pack` would put in, in its own words. */
function packed(): Promise<string[]> {
  listing ??= run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: repository }).then(
    ({ stdout }) => {
      // Up to npm 11 a list, from npm 12 on an object by package name.
      const [pack] = Object.values(JSON.parse(stdout)) as { files: { path: string }[] }[]
      return pack!.files.map(file => file.path)
    },
  )
  return listing
}

/** A folder of another project, in which exactly the packed files are installed, and beside them what they depend on. */
async function installed(): Promise<Scratch> {
  const dir = await scratch()
  const modules = dir.join('node_modules')
  for (const file of await packed()) {
    const target = path.join(modules, manifest.name, file)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.copyFileSync(path.join(repository, file), target)
  }
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, '@types/node': '' })) {
    const source = path.join(repository, 'node_modules', name)
    if (!fs.existsSync(source)) continue // An optional one that doesn't build here.
    fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true })
    fs.symlinkSync(source, path.join(modules, name))
  }
  fs.writeFileSync(dir.join('package.json'), '{"name":"somebody","private":true,"type":"module"}')
  return dir
}

test('the package holds the library, the protocol, the pages for users and LICENSE, and nothing else', async () => {
  const files = await packed()
  const code = /^(?:dist\/bin\/[\w-]+\.js|dist\/src\/(?!cli\/).+\.(?:js|d\.ts)|docs\/examples\/[\w-]+\.ts)$/
  const pages =
    /^(?:protocol\/.+\.(?:md|cddl|json)|docs\/[\w-]+\.md|(?:ARCHITECTURE|CHANGELOG|README|SECURITY)\.md|LICENSE)$/
  none(files.filter(file => !code.test(file) && !pages.test(file) && file !== 'package.json'))
  const missing = [
    'README.md',
    'LICENSE',
    'package.json',
    'docs/operating.md',
    'docs/examples/append.ts',
    'protocol/README.md',
    'protocol/replica.cddl',
    manifest.bin.replica,
  ]
  none(missing.filter(file => !files.includes(file)))
  none(filesBelow('protocol').filter(file => !files.includes(file)))
})

test('dist/src is the output of src, no more and no less: otherwise build afresh', async () => {
  const wanted = filesBelow('src')
    .filter(file => file.endsWith('.ts'))
    .map(file => `dist/${file.replace(/\.ts$/, '')}`)
  const there = filesBelow('dist/src')
    .filter(file => file.endsWith('.js'))
    .map(file => file.replace(/\.js$/, ''))
  none(there.filter(file => !wanted.includes(file)).map(file => `${file}.js has no source`))
  none(wanted.filter(file => !there.includes(file)).map(file => `${file}.js is missing`))
})

test('every entry point can be imported from another folder, and nothing behind them', async () => {
  await using dir = await installed()
  const program = `
    const names = {}
    for (const name of ${JSON.stringify(entryPoints)}) names[name] = Object.keys(await import(name))
    names.inside = await import('frontier-replica/dist/src/bytes.js').then(() => 'open', error => error.code)
    names.page = import.meta.resolve('frontier-replica/protocol/errors.md')
    console.log(JSON.stringify(names))`
  fs.writeFileSync(dir.join('use.mjs'), program)
  const { stdout } = await run(process.execPath, [dir.join('use.mjs')], { cwd: dir.path })
  const names = JSON.parse(stdout)
  for (const name of ['Key', 'Replica', 'ReplicaError']) assert.ok(names['frontier-replica'].includes(name), name)
  assert.ok(names['frontier-replica/hub'].includes('Hub'))
  assert.ok(names['frontier-replica/event'].includes('canonicalize'))
  assert.ok(names['frontier-replica/vela'].includes('Conflicts'))
  assert.ok(names['frontier-replica/store'].length > 0)
  assert.is(names.inside, 'ERR_PACKAGE_PATH_NOT_EXPORTED')
  assert.ok(fs.existsSync(new URL(names.page)))
})

test('its types are complete for a strict TypeScript project elsewhere', async () => {
  await using dir = await installed()
  const lines = entryPoints.map(
    (name, index) => `import * as m${index} from '${name}'\nexport const n${index} = Object.keys(m${index})`,
  )
  fs.writeFileSync(dir.join('use.ts'), lines.join('\n'))
  const options = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    types: ['node'],
    lib: ['es2023', 'esnext.disposable'],
  }
  fs.writeFileSync(dir.join('tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }))
  const compiler = path.join(repository, 'node_modules', '.bin', 'tsc')
  const { stdout } = await run(compiler, ['-p', dir.path], { cwd: dir.path }).catch(
    (error: { stdout: string }) => error,
  )
  assert.is(stdout, '')
})

test('every export of the manifest names files that are packed, types first', async () => {
  const files = await packed()
  for (const [name, entry] of Object.entries<string | Record<string, string>>(manifest.exports)) {
    if (typeof entry === 'string') continue
    assert.equal(Object.keys(entry), ['types', 'default'], name)
    none(Object.values(entry).filter(file => !files.includes(file.slice(2))))
  }
  assert.equal(Object.keys(manifest.exports), ['.', './event', './hub', './store', './vela', './protocol/*'])
})

test('the command runs where it is installed', async () => {
  await using dir = await installed()
  const bin = dir.join('node_modules', manifest.name, manifest.bin.replica)
  assert.is(fs.readFileSync(bin, 'utf8').split('\n')[0], '#!/usr/bin/env node')
  const { stdout, stderr } = await run(process.execPath, [bin, 'version'], { cwd: dir.path })
  assert.match(stdout, manifest.version)
  assert.is(stderr, '')
})

test('versions are exact and the lock file agrees, without naming where packages come from', () => {
  const lock = JSON.parse(readText('package-lock.json'))
  for (const group of ['dependencies', 'optionalDependencies', 'devDependencies']) {
    none(
      Object.entries<string>(manifest[group])
        .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
        .map(String),
    )
    assert.equal(lock.packages[''][group], manifest[group])
  }
  assert.is(lock.packages[''].version, manifest.version)
  assert.is(PACKAGE_VERSION, manifest.version)
  none(
    readText('package-lock.json')
      .split('\n')
      .filter(line => line.includes('"resolved"') && line.trim() !== '"resolved": "docs/typedoc",'),
  )
  none(
    Object.entries(readDocs().dependencies)
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
      .map(String),
  )
})

test('the types say which TypeScript and which Node types they need', () => {
  assert.equal(manifest.peerDependencies, { '@types/node': '>=20', pg: '>=8.16', typescript: '>=5.7' })
  for (const name of Object.keys(manifest.peerDependencies))
    assert.is(manifest.peerDependenciesMeta[name].optional, true, name)
})

test('the API reference has its own, older TypeScript, and the project keeps the one that it compiles with', () => {
  const lock = JSON.parse(readText('package-lock.json')).packages
  assert.is(lock['node_modules/typescript'].version, manifest.devDependencies.typescript)
  assert.is(lock['docs/typedoc/node_modules/typescript'].version, readDocs().dependencies.typescript)
})

test('the licence is the one that the manifest says', () => {
  assert.is(manifest.license, 'Apache-2.0')
  assert.match(readText('LICENSE'), /Apache License\s+Version 2\.0, January 2004/)
})

test.run()
