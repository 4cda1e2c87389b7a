import { inspect, types } from 'node:util'

/** What keeps a thread from doing what only the program may, as errors show it. */
const mainGuard = 'if (import.meta.main) { … }, or if (require.main === module) { … } in CommonJS'

const brand = Symbol.for('treadle.error')

/**
 * Every error that Treadle itself throws. `code` is stable; the message says what happened and what to do.
 * `instanceof` also works between two installs of Treadle in one program.
 */
export class TreadleError extends Error {
  readonly code: string = 'TREADLE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    Object.defineProperty(this, brand, { value: true })
    // The name survives minifiers: it comes from the text below, not from the class's binding.
    Object.defineProperty(this, 'name', { value: new.target.className, configurable: true, writable: true })
  }

  static readonly className: string = 'TreadleError'

  /** Makes an error that came from another thread or process an `instanceof` the class of this file that it names. */
  static brand(error: Error): void {
    Object.defineProperty(error, brand, { value: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null || !(brand in value)) return false
    return this === TreadleError || (value as unknown as Error).name === this.className
  }
}

export class InvalidOptionError extends TreadleError {
  static override readonly className: string = 'InvalidOptionError'
  override readonly code: string = 'INVALID_OPTION'
  constructor(option: string, got: unknown, wanted: string) {
    super(`${option} takes ${wanted}; got ${shown(got)}.`)
  }
}

export class NotATaskError extends TreadleError {
  static override readonly className: string = 'NotATaskError'
  override readonly code: string = 'NOT_A_TASK'
  constructor(got: unknown, where: string) {
    super(`${where} takes a task, and got ${shown(got)}. Make one at the top of a module: export const name = task({ name: 'name' }, fn).`)
  }
}

export class DuplicateTaskError extends TreadleError {
  static override readonly className: string = 'DuplicateTaskError'
  override readonly code: string = 'DUPLICATE_TASK'
  constructor(name: string, first: string, second: string) {
    super(`Two tasks are named '${name}': one in ${first}, one in ${second}. Give one of them another name.`)
  }
}

export class TaskNotExportedError extends TreadleError {
  static override readonly className: string = 'TaskNotExportedError'
  override readonly code: string = 'TASK_NOT_EXPORTED'
  constructor(name: string, source: string) {
    super(`The task '${name}' is not among the exports of ${source}, nor made at its top, so a thread cannot find it. Write there, behind no guard: export const … = task({ name: '${name}' }, …).`)
  }
}

export class TaskIsClosureError extends TreadleError {
  static override readonly className: string = 'TaskIsClosureError'
  override readonly code: string = 'TASK_IS_CLOSURE'
  constructor(name: string, within: string, source: string, options?: ErrorOptions) {
    super(`The task '${name}' was made inside ${within} in ${source}: what it closes over cannot be sent to a thread or a worker. Move task() to the top of the module, export it, and pass what it needs as arguments.`, options)
  }
}

export class UnknownTaskError extends TreadleError {
  static override readonly className: string = 'UnknownTaskError'
  override readonly code: string = 'UNKNOWN_TASK'
  constructor(name: string, known: readonly string[]) {
    super(`There is no task named '${name}' here. Known: ${known.length > 0 ? known.join(', ') : 'none'}. Add the module that exports it to tasks.`)
  }
}

export class TaskTooOldError extends TreadleError {
  static override readonly className: string = 'TaskTooOldError'
  override readonly code: string = 'TASK_TOO_OLD'
  constructor(name: string, version: number, own: number) {
    super(`The job's arguments are those of version ${version} of '${name}', and this worker has version ${own}. Deploy the newer release here, or let its workers serve the queue.`)
  }
}

export class JobNotKeptError extends TreadleError {
  static override readonly className: string = 'JobNotKeptError'
  override readonly code: string = 'JOB_NOT_KEPT'
  constructor(task: string) {
    super(`A call of '${task}' was not kept: its middleware ended without next(). Have enqueue() await next(), or throw what says why the call is refused.`)
  }
}

export class NextCalledTwiceError extends TreadleError {
  static override readonly className: string = 'NextCalledTwiceError'
  override readonly code: string = 'NEXT_CALLED_TWICE'
  constructor(task: string) {
    super(`Middleware of '${task}' called next() a second time; nothing was done again. Call it once; to have a failed attempt tried again, give the task retry options.`)
  }
}

/** What a schema has against an argument. */
export interface ArgumentIssue {
  /** Where it is: `args[0].id`. */
  readonly path: string
  readonly message: string
}

/** So many issues are told in the message. */
const issuesTold = 3

export class InvalidArgumentsError extends TreadleError {
  static override readonly className: string = 'InvalidArgumentsError'
  override readonly code: string = 'INVALID_ARGUMENTS'
  readonly issues: readonly ArgumentIssue[]
  constructor(task: string, issues: readonly ArgumentIssue[]) {
    const told = issues.slice(0, issuesTold).map(({ path, message }) => `${path}: ${message}`).join('; ')
    super(`The arguments of '${task}' are not what its schema takes: ${told}${issues.length > issuesTold ? `; and ${issues.length - issuesTold} more` : ''}.`)
    this.issues = issues
  }
}

export class TaskModuleError extends TreadleError {
  static override readonly className: string = 'TaskModuleError'
  override readonly code: string = 'TASK_MODULE_FAILED'
  constructor(source: string, cause: unknown) {
    super(`${source} could not be imported: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

export class NestedStartError extends TreadleError {
  static override readonly className: string = 'NestedStartError'
  override readonly code: string = 'NESTED_START'
  constructor(what: string) {
    super(`${what} was called while a Treadle thread loads this module to find its tasks. Put what only the program itself may do behind a guard (${mainGuard}), or move the tasks to a module of their own.`)
  }
}

export class ResourceError extends TreadleError {
  static override readonly className: string = 'ResourceError'
  override readonly code: string = 'RESOURCE_FAILED'
  constructor(name: string, cause: unknown) {
    super(`The resource '${name}' could not be opened: ${cause instanceof Error ? cause.message : String(cause)}. The next call that needs it tries again; see the cause.`, { cause })
  }
}

export class ResourceNotOpenError extends TreadleError {
  static override readonly className: string = 'ResourceNotOpenError'
  override readonly code: string = 'RESOURCE_NOT_OPEN'
  constructor(name: string) {
    super(`The resource '${name}' is not open here. In a task, declare it: task({ name, resources: [${name}] }, …). Where the function is called directly, as in a test, give what stands in for it: ${name}.with(value, () => …).`)
  }
}

export class UncloneableError extends TreadleError {
  static override readonly className: string = 'UncloneableError'
  override readonly code: string = 'UNCLONEABLE'
  constructor(what: string, path: string, value: unknown, { is = shown(value), ...options }: ErrorOptions & { is?: string } = {}) {
    const instead = types.isGeneratorObject(value)
      ? 'Iterate it with local().stream(), or give a list of what it yields'
      : 'Send plain data (objects, arrays, Map, Set, Date, BigInt, typed arrays, errors)'
    super(`${what} cannot be sent: ${path} is ${is}. ${instead} instead.`, options)
  }
}

export class CancelledError extends TreadleError {
  static override readonly className: string = 'CancelledError'
  override readonly code: string = 'CANCELLED'
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} was cancelled.`, options)
  }
}

export class DeadlineExceededError extends TreadleError {
  static override readonly className: string = 'DeadlineExceededError'
  override readonly code: string = 'DEADLINE_EXCEEDED'
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} took longer than its deadline allows and was stopped. Raise its timeout, or make it do less.`, options)
  }
}

export class SoftTimeoutError extends TreadleError {
  static override readonly className: string = 'SoftTimeoutError'
  override readonly code: string = 'SOFT_TIMEOUT'
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} has used up the time after which it is to come to an end. Raise its softTimeout, or make it do less.`, options)
  }
}

/** What a task throws to be tried again. */
export class RetryRequestedError extends TreadleError {
  static override readonly className: string = 'RetryRequestedError'
  override readonly code: string = 'RETRY_REQUESTED'
  /** Milliseconds until the next attempt; where it is absent the task's rules say it. */
  readonly after?: number

  constructor(after: number | undefined, options?: ErrorOptions) {
    super(`The task asked to be tried again${after === undefined ? '' : ` in ${after} ms`}.`, options)
    if (after !== undefined) this.after = after
  }
}

export class ThreadExitedError extends TreadleError {
  static override readonly className: string = 'ThreadExitedError'
  override readonly code: string = 'THREAD_EXITED'
  constructor(what: string, how: string, options?: ErrorOptions) {
    super(`${what} ended its thread: ${how}. Only this call is lost; a new thread has taken over.`, options)
  }
}

export class ThreadStartError extends TreadleError {
  static override readonly className: string = 'ThreadStartError'
  override readonly code: string = 'THREAD_START_FAILED'
  constructor(what: string, how: string, options?: ErrorOptions) {
    super(`No thread could be started for ${what}: ${how}. Look at the flags of Node and, if the program is one bundled file, put what only the program itself may do behind a guard: ${mainGuard}.`, options)
  }
}

export class ThreadReplacedError extends TreadleError {
  static override readonly className: string = 'ThreadReplacedError'
  override readonly code: string = 'THREAD_REPLACED'
  constructor(what: string, why: string) {
    super(`${what} was under way on a thread that had to be replaced: ${why}. It is not at fault; call it again if running it twice does no harm.`)
  }
}

export class ProcessExitedError extends TreadleError {
  static override readonly className: string = 'ProcessExitedError'
  override readonly code: string = 'PROCESS_EXITED'
  constructor(what: string, how: string, options?: ErrorOptions) {
    super(`${what} ended its process: ${how}. Only this call is lost; a new process takes over.`, options)
  }
}

export class ProcessStartError extends TreadleError {
  static override readonly className: string = 'ProcessStartError'
  override readonly code: string = 'PROCESS_START_FAILED'
  constructor(what: string, how: string, options?: ErrorOptions) {
    super(`No child process could be started for ${what}: ${how}. Look at the flags of Node, at the limits of this machine and, if the program is one bundled file, put what only the program itself may do behind a guard: ${mainGuard}.`, options)
  }
}

export class ProcessReplacedError extends TreadleError {
  static override readonly className: string = 'ProcessReplacedError'
  override readonly code: string = 'PROCESS_REPLACED'
  constructor(what: string, why: string) {
    super(`${what} was under way in a child process that had to be replaced: ${why}. It is not at fault; call it again if running it twice does no harm.`)
  }
}

export class LoopStalledError extends TreadleError {
  static override readonly className: string = 'LoopStalledError'
  override readonly code: string = 'LOOP_STALLED'
  constructor(what: string, ms: number) {
    super(`${what} was on an event loop that did not turn for ${ms} ms, so its thread was replaced. Run what computes with runs: 'thread'.`)
  }
}

export class ClosedError extends TreadleError {
  static override readonly className: string = 'ClosedError'
  override readonly code: string = 'CLOSED'
  constructor(what: string) {
    super(`${what} is closed and takes no more work.`)
  }
}

export class PayloadTooLargeError extends TreadleError {
  static override readonly className: string = 'PayloadTooLargeError'
  override readonly code: string = 'PAYLOAD_TOO_LARGE'
  constructor(what: string, bytes: number, limit: number, remedy = "Give connect() and startWorker() payloads, a folder for what is large ({ payloads: './payloads' }); or raise") {
    super(`${what} takes ${bytes} bytes; the limit is ${limit}. ${remedy} payloadLimit; or send the name of a file.`)
  }
}

export class SharedTooLargeError extends TreadleError {
  static override readonly className: string = 'SharedTooLargeError'
  override readonly code: string = 'SHARED_TOO_LARGE'
  constructor(what: string, bytes: number, limit: number) {
    super(`${what} takes ${bytes} bytes; the limit is ${limit}. Raise payloadLimit of connectShared(), or share the name of a file.`)
  }
}

const missingPayload = {
  unconfigured: 'none is configured here. Give connect() and startWorker() the same payloads: { payloads: \'./payloads\' }.',
  gone: 'it is not there. See that connect() and startWorker() were given the same payloads, and that only purge removes them; put it back and retry the job, or enqueue the call again.',
  changed: 'what is there is not what was put there. Put back a copy and retry the job, or enqueue the call again.'
} as const

export class PayloadMissingError extends TreadleError {
  static override readonly className: string = 'PayloadMissingError'
  override readonly code: string = 'PAYLOAD_MISSING'
  constructor(what: string, why: keyof typeof missingPayload) {
    super(`${what} is kept in a payload store, and ${missingPayload[why]}`)
  }
}

export class MalformedMessageError extends TreadleError {
  static override readonly className: string = 'MalformedMessageError'
  override readonly code: string = 'MALFORMED_MESSAGE'
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} could not be read: it is damaged, or a newer Treadle wrote it.`, options)
  }
}

export class InvalidTransitionError extends TreadleError {
  static override readonly className: string = 'InvalidTransitionError'
  override readonly code: string = 'INVALID_TRANSITION'
  constructor(event: string, state: string, story: string) {
    super(`A job that is ${state} cannot ${event}. Its story: ${story}.`)
  }
}

export class StaleAttemptError extends TreadleError {
  static override readonly className: string = 'StaleAttemptError'
  override readonly code: string = 'STALE_ATTEMPT'
  constructor(job: string, token: number) {
    super(`Delivery ${token} of job ${job} finished after its lease was lost; its outcome was refused, and the later delivery counts.`)
  }
}

export class UnknownJobError extends TreadleError {
  static override readonly className: string = 'UnknownJobError'
  override readonly code: string = 'UNKNOWN_JOB'
  constructor(job: string) {
    super(`There is no job ${job} here. It may have been removed, or the URL names another backend.`)
  }
}

export class UnknownScheduleError extends TreadleError {
  static override readonly className: string = 'UnknownScheduleError'
  override readonly code: string = 'UNKNOWN_SCHEDULE'
  constructor(name: string) {
    super(`There is no schedule '${name}' here. It may have been removed, or the URL names another backend; schedules() tells which there are.`)
  }
}

export class JobDeadError extends TreadleError {
  static override readonly className: string = 'JobDeadError'
  override readonly code: string = 'JOB_DEAD'
  constructor(job: string, why: string, options?: ErrorOptions) {
    super(`Job ${job} was set aside as dead: ${why}`, options)
  }
}

export class ResultTimeoutError extends TreadleError {
  static override readonly className: string = 'ResultTimeoutError'
  override readonly code: string = 'RESULT_TIMEOUT'
  constructor(job: string, ms: number, state: string) {
    super(`Job ${job} had not ended after ${ms} ms (it is ${state}). It goes on: ask again, wait longer, or see that a worker serves its queue.`)
  }
}

export class NotReadyError extends TreadleError {
  static override readonly className: string = 'NotReadyError'
  override readonly code: string = 'NOT_READY'
  constructor() {
    super('The task ended without having said that it was ready. Have it call ready(), or wait for its result instead.')
  }
}

export class WouldBlockError extends TreadleError {
  static override readonly className: string = 'WouldBlockError'
  override readonly code: string = 'WOULD_BLOCK'
  constructor(what: string) {
    super(`${what} is not to be had at once. Wait for it, or do something else first.`)
  }
}

export class BorrowerError extends TreadleError {
  static override readonly className: string = 'BorrowerError'
  override readonly code: string = 'BORROWER'
  constructor() {
    super("This borrower has one of the limiter's places, or waits for it. Each has one at most: release it before the next, or name another borrower.")
  }
}

export class PoolFullError extends TreadleError {
  static override readonly className: string = 'PoolFullError'
  override readonly code: string = 'POOL_FULL'
  constructor(what: string) {
    super(`${what} was refused: as many calls wait as may (maxQueue, maxQueueBytes). Wait for ready() before the next, or make more wait.`)
  }
}

export class QueueFullError extends TreadleError {
  static override readonly className: string = 'QueueFullError'
  override readonly code: string = 'QUEUE_FULL'
  constructor() {
    super('The queue is full. Wait with put(), make it larger, or get from it first.')
  }
}

export class QueueEmptyError extends TreadleError {
  static override readonly className: string = 'QueueEmptyError'
  override readonly code: string = 'QUEUE_EMPTY'
  constructor() {
    super('The queue is empty. Wait with get(), or come again later.')
  }
}

export class QueueShutDownError extends TreadleError {
  static override readonly className: string = 'QueueShutDownError'
  override readonly code: string = 'QUEUE_SHUT_DOWN'
  constructor() {
    super('The queue was shut down: it takes nothing more, and what it held has been taken.')
  }
}

export class NoHostError extends TreadleError {
  static override readonly className: string = 'NoHostError'
  override readonly code: string = 'NO_HOST'
  constructor(why: string) {
    super(`${why}: there is no event loop of a host to run a task on. fromThread() is for calls on threads of local() or toThread().`)
  }
}

export class NotAGeneratorError extends TreadleError {
  static override readonly className: string = 'NotAGeneratorError'
  override readonly code: string = 'NOT_A_GENERATOR'
  constructor(task: string) {
    super(`The task '${task}' gave nothing to iterate. stream() takes a task whose function is a generator; for any other there is run().`)
  }
}

export class LinkLostError extends TreadleError {
  static override readonly className: string = 'LinkLostError'
  override readonly code: string = 'LINK_LOST'
  constructor(options?: ErrorOptions) {
    super('The line to the thread or process that holds this was closed, or that has ended, and what it held with it. Have one hold it that outlives those who use it.', options)
  }
}

export class LeaseLostError extends TreadleError {
  static override readonly className: string = 'LeaseLostError'
  override readonly code: string = 'LEASE_LOST'
  constructor() {
    super('The lease on what is shared was not renewed in time, so it may be in other hands: everything that this client held or waited for was given back. Stop what relies on it, and ask again. Where this program stands still, or its store is away, for longer than the lease lasts, raise lease.')
  }
}

export class BrokenChannelError extends TreadleError {
  static override readonly className: string = 'BrokenChannelError'
  override readonly code: string = 'BROKEN_CHANNEL'
  constructor() {
    super('Nobody can receive from this channel any more: every receiving end was closed.')
  }
}

export class EndOfChannelError extends TreadleError {
  static override readonly className: string = 'EndOfChannelError'
  override readonly code: string = 'END_OF_CHANNEL'
  constructor() {
    super('Nothing more comes through this channel: every sending end was closed, and all that was sent has been received.')
  }
}

export class UnknownBackendError extends TreadleError {
  static override readonly className: string = 'UnknownBackendError'
  override readonly code: string = 'UNKNOWN_BACKEND'
  constructor(url: string, known: readonly string[]) {
    super(`No backend answers to '${url}'. Write one of: ${known.join(', ')}.`)
  }
}

export class MissingPackageError extends TreadleError {
  static override readonly className: string = 'MissingPackageError'
  override readonly code: string = 'MISSING_PACKAGE'
  constructor(what: string, name: string) {
    super(`${what} needs the package '${name}', which is not installed. Run: npm install ${name}`)
  }
}

export class BackendError extends TreadleError {
  static override readonly className: string = 'BackendError'
  override readonly code: string = 'BACKEND_FAILED'
}

function shown(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 60 })
}
