import './kernel/node-version.ts'

export { connect } from './client/connect.ts'
export type { ConnectOptions } from './client/connect.ts'
export type { Client } from './client/client.ts'
export type { Answers, ConcurrencyOptions, Control, ControlOptions, ShutdownOptions } from './client/control.ts'
export type { EventStream, EventsOptions, MissedEvents } from './client/events.ts'
export type { CancelFilter, ListFilter, PurgeOptions, RetryFilter } from './client/job-filters.ts'
export type { CancelOutcome, JobHandle, JobRecord, ResultOptions, RetryChanges, ToldStory } from './client/job-handle.ts'
export type { Limited, Limits } from './client/limits.ts'
export type { Routes } from './client/routes.ts'
export type { Transaction } from './client/transaction.ts'
export type { ScheduleOptions, ScheduleRecord, ScheduleTimes } from './client/schedule-options.ts'
export { connectShared } from './client/shared/connect-shared.ts'
export type { SharedOptions } from './client/shared/connect-shared.ts'
export type { Shared } from './client/shared/shared.ts'
export type { LeasedItem, LeasedPermit } from './client/shared/leased.ts'
export type { StoreSemaphore } from './client/shared/store-semaphore.ts'
export type { StoreQueue, StoreQueueOptions, StoreQueueStatistics } from './client/shared/store-queue.ts'
export type { StoreCounter, StoreEvent, StoreValue, Versioned } from './client/shared/store-values.ts'
export { local } from './client/local.ts'
export type { LocalOptions } from './client/local-options.ts'
export type { Local, LocalStatistics, MapOptions, Runner, RunnerOptions } from './client/runner.ts'
export type { MapResults } from './client/map-results.ts'
export type { CallSettled, ExecutorStatistics, TaskStatistics, WorkerChange, WorkerStatistics } from './executors/statistics.ts'
export type { Distribution } from './kernel/histogram.ts'
export { operation } from './client/operation.ts'
export type { Operation, OperationControl } from './client/operation.ts'
export type { Pipeline } from './client/pipeline.ts'
export { move, share } from './wire/moving.ts'
export { toThread } from './client/to-thread.ts'
export { fromThread, fromThreadSync } from './executors/threads/from-thread.ts'
export { startWorker } from './worker/start-worker.ts'
export type { Worker } from './worker/worker.ts'
export type { PoolSize } from './kernel/pool-size.ts'
export type { KeepOptions, WorkerOptions } from './worker/start-worker.ts'
export { defineConfig } from './cli/config/config.ts'
export type { Config } from './cli/config/config.ts'
export { call } from './tasks/task-call.ts'
export type { TaskCall } from './tasks/task-call.ts'
export { limit } from './tasks/limit.ts'
export { retry } from './tasks/retry.ts'
export type { RetryRequest } from './tasks/retry.ts'
export { task } from './tasks/task.ts'
export type { CallOptions, CallRules, UniqueOptions } from './tasks/call-options.ts'
export type { AnyTask, CheckedTaskOptions, Place, Task, TaskOptions } from './tasks/task.ts'
export type { ArgsSchema, SchemaInput, SchemaOutput, StandardIssue, StandardResult, StandardSchema } from './tasks/standard-schema.ts'
export type { CallInfo, EnqueueInfo, Middleware } from './tasks/middleware.ts'
export type { ErrorMatch, RetryOptions, RetryRules } from './kernel/retry-options.ts'
export type { Tasks } from './tasks/registry.ts'
export { context } from './tasks/context.ts'
export type { HoldScope, ParentOutcome, TaskContext } from './tasks/context.ts'
export { resource } from './tasks/resource.ts'
export type { Resource, ResourceOptions } from './tasks/resource.ts'
export type { Progress } from './tasks/progress.ts'
export type { HistoryEntry, JobLogLine, JobStory } from './jobs/history.ts'
export type { Gate, GateName, GateRule, Rate } from './jobs/gates.ts'
export type { Admission } from './jobs/unique.ts'
export type { Spent } from './jobs/job.ts'
export type { BriefError, JobNews, QueueEvent, WorkerNews } from './jobs/queue-event.ts'
export type { MissedSlots, ScheduleRule } from './jobs/schedule.ts'
export type { FinalState, JobState } from './jobs/states.ts'
export type { Backend } from './backends/backend.ts'
export type { BrokerStats, QueueStats, WorkerInfo } from './backends/broker.ts'
export type { Bus, Hearer, Hearing } from './backends/bus.ts'
export type { HeldAttempt, RegisteredTask, WorkerReport } from './backends/control.ts'
export type { Load, QueuesLoad } from './backends/load.ts'
export type { Ending, JobFilter } from './backends/store.ts'
export type { PayloadStore } from './backends/payloads/payload-store.ts'
export { openBackend } from './backends/registry.ts'
export type { OpenOptions } from './backends/registry.ts'
export type { ByteSize } from './kernel/byte-size.ts'
export type { Duration } from './kernel/duration.ts'
export type { Clock, Timer } from './kernel/clock.ts'
export type { LogFields, Logger, LogLevel, LogLine } from './kernel/logger.ts'
export type { CloseOptions } from './kernel/service.ts'
export type { ArgumentIssue } from './kernel/errors.ts'
export type { PortableError } from './wire/portable-error.ts'
export {
  BackendError,
  CancelledError,
  ClosedError,
  DeadlineExceededError,
  DuplicateTaskError,
  InvalidArgumentsError,
  InvalidOptionError,
  InvalidTransitionError,
  JobDeadError,
  JobNotKeptError,
  LeaseLostError,
  LoopStalledError,
  MalformedMessageError,
  MissingPackageError,
  NestedStartError,
  NextCalledTwiceError,
  NoHostError,
  NotAGeneratorError,
  NotATaskError,
  PayloadMissingError,
  PayloadTooLargeError,
  ProcessExitedError,
  ProcessReplacedError,
  ProcessStartError,
  ResourceError,
  ResourceNotOpenError,
  ResultTimeoutError,
  RetryRequestedError,
  SoftTimeoutError,
  SharedTooLargeError,
  StaleAttemptError,
  TaskIsClosureError,
  TaskModuleError,
  TaskNotExportedError,
  TaskTooOldError,
  ThreadExitedError,
  ThreadReplacedError,
  ThreadStartError,
  TreadleError,
  UncloneableError,
  UnknownBackendError,
  UnknownJobError,
  UnknownScheduleError,
  UnknownTaskError
} from './kernel/errors.ts'
