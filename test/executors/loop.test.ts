import { describe, expect, test } from 'vitest'
import { LoopExecutor } from '../../src/executors/loop/loop-executor.ts'
import { conformanceTasks, executorConformance } from '../../src/testing/executor-conformance.ts'

const notStopped = 'a function on the caller\'s own loop cannot be stopped'
const sharesProcess = 'what ends this loop ends the program'
const importsNothing = 'it is given the functions themselves and imports nothing'
const byReference = 'values are shared by reference, so any may be passed'

executorConformance({
  name: 'LoopExecutor',
  open: ({ concurrency }) => new LoopExecutor({ find: (name) => conformanceTasks.get(name), concurrency }),
  skip: {
    'an endless synchronous loop is stopped': notStopped,
    'process.exit loses only its own call': sharesProcess,
    'an error in a callback loses only its own call': sharesProcess,
    'a rejection that nothing handles loses only its own call': sharesProcess,
    'a heap that is exhausted loses only its own call': sharesProcess,
    'memory outside the heap that is exhausted loses only its own call': sharesProcess,
    'a heap that is exhausted costs the calls beside it nothing': sharesProcess,
    'memory outside the heap that is exhausted costs the calls beside it nothing': sharesProcess,
    'an error in a callback that holds what cannot be sent loses only its own call': sharesProcess,
    'SIGSEGV loses only its own call': sharesProcess,
    'SIGABRT loses only its own call': sharesProcess,
    'SIGKILL from outside loses only the call that was running': sharesProcess,
    'a rejection after the result takes nothing from the result, and nothing from the next call': sharesProcess,
    'an error after the result charges nobody': sharesProcess,
    'a rejection long after the result charges nobody': sharesProcess,
    'a module that cannot be imported fails each call that needs it, and is not imported again and again': importsNothing,
    'an argument that cannot be sent fails its call alone, with its path': byReference,
    'a result that cannot be sent fails its call alone, with its path': byReference
  }
}, { describe, test, expect })
