import '../kernel/node-version.ts'

export { CancelScope, currentScope, currentSignal, timeLeft } from './cancel-scope.ts'
export type { CancelScopeOptions } from './cancel-scope.ts'
export { moveOnAfter, shield, withDeadline, withTimeout } from './timeouts.ts'
export { checkpoint, sleep } from './sleep.ts'
export { taskGroup } from './task-group.ts'
export type { Child, ChildContext, StartOptions, TaskGroup } from './task-group.ts'
export { TaskGroupError } from './task-group-error.ts'
export { errorLeaves, splitErrors } from './error-tree.ts'
export type { ErrorFilter, ErrorTree } from './error-tree.ts'
export { Lock, Semaphore } from './semaphore.ts'
export type { SemaphoreStatistics } from './semaphore.ts'
export { CapacityLimiter } from './capacity-limiter.ts'
export type { BorrowOptions, LimiterStatistics } from './capacity-limiter.ts'
export { AdaptiveLimiter } from './adaptive-limiter.ts'
export type { AdaptiveLimiterOptions } from './adaptive-limiter.ts'
export { RateLimiter } from './rate-limiter.ts'
export type { RateLimiterOptions } from './rate-limiter.ts'
export { Condition } from './condition.ts'
export { Barrier, Event } from './event.ts'
export type { Permit } from './permit.ts'
export type { WaitOptions } from './suspend.ts'
export { retry } from './retry.ts'
export { LifoQueue } from './lifo-queue.ts'
export { PriorityQueue, type PriorityQueueOptions } from './priority-queue.ts'
export { Queue } from './queue.ts'
export type { QueueLike, QueueOptions, QueueStatistics } from './queue.ts'
export { serve } from './threads/serve.ts'
export { listen } from './processes/listen.ts'
export type { Listener } from './processes/listen.ts'
export { connectBarrier, connectEvent, connectLock, connectQueue, connectSemaphore } from './remote/connect.ts'
export type { Origin } from './remote/connect.ts'
export type { RemoteBarrier, RemoteEvent } from './remote/remote-event.ts'
export type { RemotePutOptions, RemoteQueue } from './remote/remote-queue.ts'
export type { RemoteSemaphore } from './remote/remote-semaphore.ts'
export type { Shareable } from './remote/servable.ts'
export type { LinkEnd } from './threads/port-link.ts'
export { SharedValue } from './threads/shared-value.ts'
export { openChannel } from './channel.ts'
export type { ChannelStatistics, ReceiveChannel, SendChannel } from './channel.ts'
export { asCompleted, map, mapUnordered } from './map.ts'
export type { MapOptions } from './map-calls.ts'
export { gather } from './gather.ts'
export { race } from './race.ts'
export { main } from './main.ts'
export type { MainOptions } from './main.ts'
export type { RetryOptions } from '../kernel/retry-options.ts'
export type { Duration } from '../kernel/duration.ts'
export type { Clock, Timer } from '../kernel/clock.ts'
export {
  BorrowerError,
  BrokenChannelError,
  CancelledError,
  ClosedError,
  DeadlineExceededError,
  EndOfChannelError,
  InvalidOptionError,
  LinkLostError,
  NotReadyError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TreadleError,
  WouldBlockError
} from '../kernel/errors.ts'
