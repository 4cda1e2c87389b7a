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
    'among 200 calls one that loops without end, and is cancelled, costs the others nothing': notStopped,
    'among 200 calls one that loops without end, and whose time is up, costs the others nothing': notStopped,
    crashes: sharesProcess,
    orphans: sharesProcess,
    'a module that cannot be imported fails each call that needs it, and is not imported again and again': importsNothing,
    'an argument that cannot be sent fails its call alone, with its path': byReference,
    'a result that cannot be sent fails its call alone, with its path': byReference,
    'among 200 calls one whose argument cannot be sent costs the others nothing': byReference,
    'among 200 calls one whose result cannot be sent costs the others nothing': byReference,
    aliasing: byReference
  }
}, { describe, test, expect })
