// The project's own files as the tests of layers, hygiene and packaging read them: sources with comments taken out, and the
// imports they name. Text matching, not a parser: it may see too much, and then a test fails where a person can look.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { repository } from './shared-data.ts'

export interface Source {
  /** Path from the repository, with forward slashes: `src/dag/closure.ts`. */
  path: string
  text: string
  /** The text without comments. */
  code: string
}

/** All TypeScript files below these folders, in path order. */
export function sources(...folders: string[]): Source[] {
  return folders
    .flatMap(folder => filesBelow(folder))
    .filter(file => file.endsWith('.ts'))
    .map(readSource)
}

/** Paths from the repository of all files below a folder, in order; none when it isn't there. */
export function filesBelow(folder: string): string[] {
  const root = path.join(repository, folder)
  if (!fs.existsSync(root)) return []
  const entries = fs.readdirSync(root, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return entries
    .map(entry => path.relative(repository, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .sort()
}

export function readText(file: string): string {
  return fs.readFileSync(path.join(repository, file), 'utf8')
}

function readSource(file: string): Source {
  const text = readText(file)
  return { path: file, text, code: withoutComments(text) }
}

/** Takes out comments of the house's forms: from `//` at a line's start or after white space, and blocks on lines of their own. */
export function withoutComments(text: string): string {
  return text
    .replaceAll(/^[ \t]*\/\*[\s\S]*?\*\/[ \t]*$/gm, '')
    .replaceAll(/^[ \t]*\/\/.*$/gm, '')
    .replaceAll(/[ \t]\/\/ .*$/gm, '')
}

/** Every module that the code imports, exports from or requires, as written. */
export function specifiers(code: string): string[] {
  const forms = [
    /^\s*(?:import|export)\b[^;'"`]*?\bfrom\s*(['"])(.+?)\1/gm,
    /^\s*import\s*(['"])(.+?)\1/gm,
    /\b(?:import|require|import\.meta\.resolve)\s*\(\s*(['"])(.+?)\1\s*\)/g,
    /\bcreateRequire\([^)]*\)\s*\(\s*(['"])(.+?)\1\s*\)/g,
  ]
  for (const [, name] of code.matchAll(/\bconst (\w+) = createRequire\(/g)) {
    forms.push(new RegExp(`\\b${name}\\(\\s*(['"])(.+?)\\1\\s*\\)`, 'g'))
  }
  return [...new Set(forms.flatMap(form => [...code.matchAll(form)].map(match => match[2]!)))]
}

/** The name of the package that a specifier means; undefined for a file and for what Node brings. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!
}

/** The file that a relative specifier in `from` means, as a path from the repository. */
export function target(from: string, specifier: string): string {
  return path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier))
}

/** Fails with every offending place on a line of its own. */
export function none(offences: readonly string[]): void {
  if (offences.length === 0) return
  const more = offences.length > 60 ? [`and ${offences.length - 60} more`] : []
  const message = `\n${[...offences.slice(0, 60), ...more].join('\n')}`
  const error = new Error(message)
  // uvu prints the message and then the stack from its first line break on: the list would stand there twice.
  error.stack = error.stack?.replace(message, '') ?? ''
  throw error
}
