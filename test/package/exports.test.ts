import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as concurrency from '../../src/concurrency/index.ts'
import * as treadle from '../../src/index.ts'
import * as testing from '../../src/testing/index.ts'
import { root } from '../support/build.ts'

// The public surface, by name: what appears or vanishes here does so on purpose.

test('treadle', () => {
  expect(Object.keys(treadle).sort()).toMatchInlineSnapshot(`
    [
      "BackendError",
      "CancelledError",
      "ClosedError",
      "DeadlineExceededError",
      "DuplicateTaskError",
      "InvalidArgumentsError",
      "InvalidOptionError",
      "InvalidTransitionError",
      "JobDeadError",
      "JobNotKeptError",
      "LoopStalledError",
      "MalformedMessageError",
      "MissingPackageError",
      "NestedStartError",
      "NextCalledTwiceError",
      "NoHostError",
      "NotAGeneratorError",
      "NotATaskError",
      "PayloadMissingError",
      "PayloadTooLargeError",
      "ProcessExitedError",
      "ProcessReplacedError",
      "ProcessStartError",
      "ResourceError",
      "ResourceNotOpenError",
      "ResultTimeoutError",
      "StaleAttemptError",
      "TaskIsClosureError",
      "TaskModuleError",
      "TaskNotExportedError",
      "TaskTooOldError",
      "ThreadExitedError",
      "ThreadReplacedError",
      "ThreadStartError",
      "TreadleError",
      "UncloneableError",
      "UnknownBackendError",
      "UnknownJobError",
      "UnknownTaskError",
      "connect",
      "context",
      "defineConfig",
      "fromThread",
      "fromThreadSync",
      "local",
      "openBackend",
      "operation",
      "resource",
      "startWorker",
      "task",
      "toThread",
    ]
  `)
})

test('treadle/concurrency', () => {
  expect(Object.keys(concurrency).sort()).toMatchInlineSnapshot(`
    [
      "AdaptiveLimiter",
      "Barrier",
      "BorrowerError",
      "BrokenChannelError",
      "CancelScope",
      "CancelledError",
      "CapacityLimiter",
      "ClosedError",
      "Condition",
      "DeadlineExceededError",
      "EndOfChannelError",
      "Event",
      "InvalidOptionError",
      "LifoQueue",
      "LinkLostError",
      "Lock",
      "NotReadyError",
      "PriorityQueue",
      "Queue",
      "QueueEmptyError",
      "QueueFullError",
      "QueueShutDownError",
      "RateLimiter",
      "Semaphore",
      "SharedValue",
      "TaskGroupError",
      "TreadleError",
      "WouldBlockError",
      "asCompleted",
      "checkpoint",
      "connectBarrier",
      "connectEvent",
      "connectLock",
      "connectQueue",
      "connectSemaphore",
      "currentScope",
      "currentSignal",
      "errorLeaves",
      "gather",
      "listen",
      "main",
      "map",
      "mapUnordered",
      "moveOnAfter",
      "openChannel",
      "race",
      "retry",
      "serve",
      "shield",
      "sleep",
      "splitErrors",
      "taskGroup",
      "timeLeft",
      "withDeadline",
      "withTimeout",
    ]
  `)
})

test('treadle/testing', () => {
  expect(Object.keys(testing).sort()).toMatchInlineSnapshot(`
    [
      "Sequencer",
      "VirtualClock",
      "backendConformance",
      "executorConformance",
      "payloadConformance",
      "waitAllBlocked",
    ]
  `)
})

test('the types of the public surface', () => {
  const types = readFileSync(join(root, 'src/index.ts'), 'utf8').matchAll(/export type \{ (.+?) \}/g)
  expect(Array.from(types, ([, names]) => names!.split(', ')).flat().sort()).toMatchInlineSnapshot(`
    [
      "AnyTask",
      "ArgsSchema",
      "ArgumentIssue",
      "Backend",
      "BrokerStats",
      "CallInfo",
      "CallOptions",
      "CallRules",
      "CancelFilter",
      "CancelOutcome",
      "CheckedTaskOptions",
      "Client",
      "Clock",
      "CloseOptions",
      "Config",
      "ConnectOptions",
      "Duration",
      "Ending",
      "EnqueueInfo",
      "ErrorMatch",
      "FinalState",
      "HistoryEntry",
      "JobFilter",
      "JobHandle",
      "JobLogLine",
      "JobRecord",
      "JobState",
      "JobStory",
      "ListFilter",
      "Local",
      "LocalOptions",
      "LogFields",
      "LogLevel",
      "LogLine",
      "Logger",
      "MapOptions",
      "Middleware",
      "OpenOptions",
      "Operation",
      "OperationControl",
      "PayloadStore",
      "Pipeline",
      "Place",
      "PortableError",
      "Progress",
      "PurgeOptions",
      "QueueStats",
      "Resource",
      "ResourceOptions",
      "ResultOptions",
      "RetryFilter",
      "RetryOptions",
      "RetryRules",
      "Runner",
      "RunnerOptions",
      "SchemaInput",
      "SchemaOutput",
      "Spent",
      "StandardIssue",
      "StandardResult",
      "StandardSchema",
      "Task",
      "TaskContext",
      "TaskOptions",
      "Tasks",
      "Timer",
      "Worker",
      "WorkerOptions",
    ]
  `)
})

test('the ways into the package', () => {
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object, bin: object }
  expect(Object.keys(exports)).toEqual(['.', './concurrency', './http', './testing', './package.json'])
  expect(Object.keys(bin)).toEqual(['treadle'])
})
