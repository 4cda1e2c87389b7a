import { parentPort, workerData } from 'node:worker_threads'
import { NoHostError } from '../../kernel/errors.ts'
import { context, inCall } from '../../tasks/context.ts'
import { isTaskThread } from '../../tasks/own-thread.ts'
import { type Task, type TaskDefinition, definitionOf } from '../../tasks/task.ts'
import { decode, encode } from '../../wire/codec.ts'
import { fromPortable } from '../../wire/portable-error.ts'
import type { RunningCall } from '../running-call.ts'
import { hostLine } from '../calls/host-line.ts'
import type { AskedOfHost, ToldByHost } from './host-calls.ts'
import type { ThreadStart } from './thread-start.ts'

/**
 * Inside a call on a thread: runs a task on the event loop of the program that made the call, with that program's own modules, and gives its
 * result. It is cancelled with the call, and with the scope around it. In a call that is on that loop already the task is just called. As
 * `trio.from_thread.run`.
 *
 * While it waits, the call keeps its thread: the task must not wait for others that need one, where there are no more.
 *
 * The task is found as threads find theirs: by its name where the program has run it before, else among the exports of its module.
 *
 * @throws what the task throws; NoHostError outside of a call, in a child process and in a worker, which runs no user code on its main thread;
 * UncloneableError
 *
 * @example
 * const notify = task({ name: 'notify' }, (text: string) => text.length)
 * const work = task({ name: 'work', runs: 'loop' }, async () => await fromThread(notify, 'half done'))
 * await using here = local()
 * await here.run(work)   // 9
 */
export async function fromThread<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Promise<Awaited<Result>> {
  const definition = definitionOf(task, 'fromThread()')
  if (!isOnThread()) return await task(...args as unknown[] as Own)
  return resultOf(await hostLine().ask('call', asked(definition, args), `The task '${definition.name}'`) as ToldByHost) as Awaited<Result>
}

/**
 * As `fromThread`, with the thread asleep until the result is there: for code that cannot await. Not on an event loop.
 *
 * @throws as `fromThread`; NoHostError on an event loop
 */
export function fromThreadSync<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Awaited<Result> {
  const definition = definitionOf(task, 'fromThreadSync()')
  if (!isOnThread()) throw new NoHostError('This call is on the event loop itself')
  const { value } = hostLine().askSync('call', asked(definition, args), `The task '${definition.name}'`, undefined)
  return resultOf(value as ToldByHost) as Awaited<Result>
}

/** @throws NoHostError where it is neither on a thread nor on the host's loop */
function isOnThread(): boolean {
  // What a call has begun and left behind is in none.
  if (!inCall() || (context() as Partial<RunningCall>).ended) throw new NoHostError('Outside of a call')
  if (!isTaskThread()) return false
  if (parentPort && (workerData as ThreadStart | null)?.entry === 'thread') return true
  throw new NoHostError('A child process shares no modules with its host')
}

function asked({ name, source }: TaskDefinition, args: readonly unknown[]): AskedOfHost {
  return [name, source, encode(args, `The arguments of '${name}'`, 'args')]
}

function resultOf([value, error]: ToldByHost): unknown {
  if (value === undefined) throw fromPortable(error)
  return decode(value)
}
