// Names the errors of a disk or of a process limit in words, with advice. Node and LevelDB report
// them as codes or as the text of the operating system.

/** An error of the operating system that stops writes. */
export interface DiskError {
  /** Code of the operating system, such as `ENOSPC`. */
  readonly errno: string
  /** The error in words, with the code. */
  readonly words: string
  /** The remedy. */
  readonly hint: string
}

const ERRORS: readonly (DiskError & { readonly text: string })[] = [
  {
    errno: 'ENOSPC',
    text: 'No space left on device',
    words: 'the disk is full (ENOSPC)',
    hint: 'free space on the disk of the store; a hub then continues by itself, another command must be repeated',
  },
  {
    errno: 'EDQUOT',
    text: 'Disk quota exceeded',
    words: 'the disk quota is exhausted (EDQUOT)',
    hint: "raise the user's quota or free space; a hub then continues by itself, another command must be repeated",
  },
  {
    errno: 'EMFILE',
    text: 'Too many open files',
    words: 'the process has too many open files (EMFILE)',
    hint: 'raise the limit of open files (ulimit -n, LimitNOFILE=); a hub continues when files are closed',
  },
  {
    errno: 'ENFILE',
    text: 'Too many open files in system',
    words: 'the system has too many open files (ENFILE)',
    hint: 'raise the limit of the system (fs.file-max); a hub continues when files are closed',
  },
  {
    errno: 'EIO',
    text: 'Input/output error',
    words: 'the disk reports an I/O error (EIO)',
    hint: 'check the disk (dmesg, smartctl) and copy the store to another one; a hub tries again with backoff',
  },
  {
    errno: 'EROFS',
    text: 'Read-only file system',
    words: 'the file system is read-only (EROFS)',
    hint: 'mount it for writing; a system that found errors on the disk may have made it read-only',
  },
  {
    errno: 'EACCES',
    text: 'Permission denied',
    words: 'this user may not write there (EACCES)',
    hint: 'give the files of the store to the user that runs the command, or run it as their owner',
  },
]

/** Returns the error that a message or a code of the operating system names; undefined if none. */
export function diskError(message: string): DiskError | undefined {
  // The longer text of ENFILE contains the text of EMFILE.
  const found = ERRORS.filter(({ errno, text }) => message.includes(text) || message.includes(errno))
  return found.sort((a, b) => b.text.length - a.text.length)[0]
}
