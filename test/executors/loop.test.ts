import { describe, expect, test } from 'vitest'
import { LoopExecutor } from '../../src/executors/loop/loop-executor.ts'
import { conformanceTasks, executorConformance } from '../../src/testing/executor-conformance.ts'

const notStopped = 'a function on the caller\'s own loop cannot be stopped'
const sharesProcess = 'what ends this loop ends the program'
const byReference = 'values are shared by reference, so any may be passed'

executorConformance({
  name: 'LoopExecutor',
  open: ({ concurrency }) => new LoopExecutor({ find: (name) => conformanceTasks.get(name), concurrency }),
  skip: {
    'an endless synchronous loop is stopped': notStopped,
    'process.exit loses only its own call': sharesProcess,
    'an error in a callback loses only its own call': sharesProcess,
    'a rejection that nothing handles loses only its own call': sharesProcess,
    'an argument that cannot be sent fails its call alone, with its path': byReference,
    'a result that cannot be sent fails its call alone, with its path': byReference
  }
}, { describe, test, expect })
