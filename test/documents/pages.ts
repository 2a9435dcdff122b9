// The pages of this repository outside of protocol/, and the names that they mention.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { repository } from '../shared-data.ts'
import { filesBelow, readText } from '../sources.ts'

export interface Page {
  /** Path from the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

const rootPages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'bench/README.md']

/** Returns all pages: those at the root, in docs/, and the READMEs in src/. docs/api is generated. */
export function pages(): Page[] {
  const below = [...filesBelow('docs'), ...filesBelow('src')].filter(
    file => file.endsWith('.md') && !file.startsWith('docs/api/'),
  )
  return [...rootPages, ...below].map(file => ({ path: file, text: readText(file) }))
}

/** Returns the text without fenced blocks. */
export function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '')
}

/** Returns the relative targets of links, without fragments, as paths from the repository. */
export function linkTargets({ path: file, text }: Page): string[] {
  const targets = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1]!)
  return targets
    .filter(target => !/^[a-z]+:/.test(target) && !target.startsWith('#'))
    .map(target => path.posix.join(path.posix.dirname(file), target.replace(/#.*$/, '')))
}

/** Returns the words in code font. */
export function codeWords(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(match => match[1]!)
}

/** Returns the words in code font that name a file of the repository: a source file, or a path below one of its folders. */
export function fileNames(text: string): string[] {
  const isSource = (word: string) => /^[\w./-]*[\w-]\.ts$/.test(word)
  const isBelow = (word: string) => /^(?:src|test|bench|protocol|docs|\.ci)\/[\w./-]*$/.test(word)
  return codeWords(text).filter(word => (isSource(word) || isBelow(word)) && !word.startsWith('docs/api'))
}

/**
 * Returns the file that a page means by a name, as a path from the repository: relative to the repository, the folder of the
 * page, or src/; or the only file of src/ with this base name. Undefined if there is none.
 */
export function findFile(name: string, page: Page): string | undefined {
  const folders = ['.', path.posix.dirname(page.path), 'src']
  const found = folders
    .map(folder => path.posix.join(folder, name))
    .find(file => fs.existsSync(path.join(repository, file)))
  if (found !== undefined || name.includes('/')) return found
  const [only, ...others] = filesBelow('src').filter(file => path.posix.basename(file) === name)
  return others.length === 0 ? only : undefined
}
