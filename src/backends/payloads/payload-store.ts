/**
 * Keeps what is too large for a message, each under a name: such as files in a folder, or objects in a bucket. Clients and workers of a queue
 * are given the same one.
 *
 * Names are of letters, digits, `-` and `_`, then a dot and what it is of the job: `<job>.args`, `<job>.<token>.result`. A method that
 * rejects is heard as any other error: of `enqueue`, or of the attempt, which is tried again as its task's `retry` says.
 */
export interface PayloadStore {
  /** Resolves when all the bytes are kept; where it rejects, none are. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** What was put; undefined where there is nothing of that name. */
  get(name: string): Promise<Uint8Array | undefined>
  /** Removes what is kept under these names; one that is not there is passed over. */
  delete(names: readonly string[]): Promise<void>
  /** Removes all that is kept of these jobs: every name that begins with a job's id and a dot. */
  forget(jobs: readonly string[]): Promise<void>
}
