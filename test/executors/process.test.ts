import { describe, expect, test } from 'vitest'
import { ProcessExecutor } from '../../src/executors/processes/process-executor.ts'
import { executorConformance } from '../../src/testing/executor-conformance.ts'

executorConformance({
  name: 'ProcessExecutor',
  open: ({ concurrency, grace, heapLimit, memoryLimit }) => new ProcessExecutor({
    processes: concurrency, grace, silent: true,
    ...(heapLimit === undefined ? {} : { execArgv: [`--max-old-space-size=${heapLimit}`] }),
    ...(memoryLimit === undefined ? {} : { memoryLimit })
  })
}, { describe, test, expect })
