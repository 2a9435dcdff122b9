// A promise with its two ends outside. (Promise.withResolvers comes with Node 22.)

export class Deferred<T> {
  readonly promise: Promise<T>
  resolve!: (value: T) => void
  reject!: (reason: unknown) => void

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // Whoever waits hears of a rejection; that nobody waits any more is no fault.
    this.promise.catch(() => {})
  }
}
