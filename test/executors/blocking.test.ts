import { describe, expect, test } from 'vitest'
import { ThreadExecutor } from '../../src/executors/threads/thread-executor.ts'
import { executorConformance } from '../../src/testing/executor-conformance.ts'
import { limits, skippedOnThreads } from './support.ts'

executorConformance({
  name: 'ThreadExecutor for calls that block',
  open: ({ concurrency, grace, heapLimit }) => new ThreadExecutor({ place: 'blocking', threads: concurrency, grace, ...limits(heapLimit) }),
  skip: skippedOnThreads
}, { describe, test, expect })
