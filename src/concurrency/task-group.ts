import { ClosedError, NotReadyError } from '../kernel/errors.ts'
import { cancellerOf } from './cancellation.ts'
import { CancelScope, type CancelScopeOptions } from './cancel-scope.ts'
import { errorLeaves, none } from './error-tree.ts'
import { TaskGroupError } from './task-group-error.ts'

export interface StartOptions {
  /** A service in the background: once everything else in the group has ended, it is cancelled. Default: false. */
  daemon?: boolean
}

/** What a child is given. */
export interface ChildContext<Ready> {
  /** Its own scope, inside the group's. */
  readonly scope: CancelScope
  /** Aborts when it, or the group, is cancelled. */
  readonly signal: AbortSignal
  /** Says that it serves now; `Child.ready` gives the value. */
  readonly ready: (value: Ready) => void
}

/** A child of a group, as its starter sees it. */
export interface Child<T, Ready> {
  /** What it gives; undefined where it was cancelled by itself. Its errors are the group's as well: nobody need wait for this. */
  readonly result: Promise<T | undefined>
  /** What it said when it was ready. Rejects with its error, or NotReadyError, where it ended before. */
  readonly ready: Promise<Ready>
  /** Cancels it, and nothing else. */
  cancel(cause?: unknown): void
}

/**
 * Tasks that begin and end together. The block in which a group stands does not end before all that was started in it; the first failure
 * cancels the rest; what failed is thrown as one TaskGroupError.
 */
export class TaskGroup implements AsyncDisposable {
  /** All of the group runs in it. */
  readonly scope: CancelScope
  readonly #errors: unknown[] = []
  readonly #known = new Set<object>()
  readonly #daemons = new Set<CancelScope>()
  #children = 0
  #open = true
  #bodyEnded = false
  readonly #over = Promise.withResolvers<void>()

  /** Use `taskGroup`. */
  constructor(options: CancelScopeOptions) {
    this.scope = new CancelScope(options)
    this.scope.begin()
  }

  get signal(): AbortSignal {
    return this.scope.signal
  }

  /**
   * Runs `fn` beside whatever else runs in the group. It begins at once, up to its first await.
   *
   * @throws ClosedError where the group has ended
   *
   * @example
   * await using group = taskGroup()
   * const server = group.start(async ({ ready, signal }) => { ready(8080) }, { daemon: true })
   * await server.ready   // 8080
   */
  start<T, Ready = void>(fn: (child: ChildContext<Ready>) => T | Promise<T>, { daemon = false }: StartOptions = {}): Child<T, Ready> {
    if (!this.#open) throw new ClosedError('The task group')
    const ready = Promise.withResolvers<Ready>()
    ready.promise.catch(() => {})
    const scope = new CancelScope()
    if (daemon) this.#daemons.add(scope)
    else this.#children++
    const result = this.scope.enter(() => scope.run(() => fn({ scope, get signal() { return scope.signal }, ready: (value) => ready.resolve(value) })))
    const ended = (): void => {
      if (daemon) this.#daemons.delete(scope)
      else this.#children--
      this.#endIfDone()
    }
    result.then(
      () => {
        ready.reject(new NotReadyError())
        ended()
      },
      (error: unknown) => {
        ready.reject(error)
        this.#fail(error)
        ended()
      }
    )
    return { result, ready: ready.promise, cancel: (cause) => scope.cancel(cause) }
  }

  /** Cancels all of it. */
  cancel(cause?: unknown): void {
    this.scope.cancel(cause)
  }

  /** Waits for all that was started in it. @throws TaskGroupError */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#bodyEnded = true
    this.#endIfDone()
    await this.#over.promise
    if (this.#errors.length === 0) return
    const left = this.scope.withoutOwn(new TaskGroupError(this.#errors))
    if (left !== none) throw onlyCancellation(left) ?? left
  }

  /** Runs `body` as a part of it, and ends with it. */
  async run<T>(body: (group: this) => T): Promise<Awaited<T> | undefined> {
    let result: Awaited<T> | undefined
    try {
      result = await this.scope.enter(() => body(this))
    } catch (error) {
      this.#fail(error)
    }
    await this[Symbol.asyncDispose]()
    return result
  }

  #fail(error: unknown): void {
    const leaves = [...errorLeaves(error)]
    // The block may pass on what a child's `result` or `ready` threw: that has been heard. Of values that are no objects nobody can say.
    if (leaves.every((leaf) => typeof leaf === 'object' && leaf !== null && this.#known.has(leaf))) return
    for (const leaf of leaves) if (typeof leaf === 'object' && leaf !== null) this.#known.add(leaf)
    this.#errors.push(error)
    this.scope.cancel(error)
  }

  #endIfDone(): void {
    if (!this.#bodyEnded || this.#children > 0) return
    for (const daemon of this.#daemons) daemon.cancel()
    if (this.#daemons.size > 0) return
    this.#open = false
    this.scope.end()
    this.#over.resolve()
  }
}

/** Where all that is left is that scopes around it were cancelled, one cancellation says so. */
function onlyCancellation(error: unknown): unknown {
  const leaves = [...errorLeaves(error)]
  return leaves.every((leaf) => cancellerOf(leaf)) ? leaves[0] : undefined
}

/**
 * A group of tasks that begin and end together, as Trio's nursery and `asyncio.TaskGroup`.
 *
 * With a function, that is a part of the group: its failure cancels the others, and theirs ends what it awaits. With `await using`, the
 * block ends only when all that was started in it has; there JavaScript tells the group neither that the block failed, nor the block that the
 * group was cancelled: watch `group.signal` in it.
 *
 * @param body runs in the group
 * @returns what `body` gives; undefined where the group was cancelled, or timed out, before it had ended
 * @throws TaskGroupError: all that failed, as a tree; see `splitErrors`
 *
 * @example
 * await taskGroup(async (group) => {
 *   group.start(() => sleep('1ms'))
 *   group.start(() => sleep('2ms'))
 * })
 *
 * await using group = taskGroup()
 * const child = group.start(async () => 42)
 * await child.result   // 42
 */
export function taskGroup(options?: CancelScopeOptions): TaskGroup
export function taskGroup<T>(body: (group: TaskGroup) => T, options?: CancelScopeOptions): Promise<Awaited<T> | undefined>
export function taskGroup<T>(first: CancelScopeOptions | ((group: TaskGroup) => T) = {}, options: CancelScopeOptions = {}): TaskGroup | Promise<Awaited<T> | undefined> {
  return typeof first === 'function' ? new TaskGroup(options).run(first) : new TaskGroup(first)
}
