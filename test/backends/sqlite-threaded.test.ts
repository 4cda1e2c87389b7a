import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import { backendConformance } from '../../src/testing/backend-conformance.ts'
import { TestProcess } from '../support/processes.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()
const ownClock = 'its thread is on the machine\'s clock, which no test can move'

backendConformance({
  name: 'sqlite in a thread',
  open: (where) => threadedSqlite(join(folder, `${where}.db`)),
  skip: {
    delays: ownClock, leases: ownClock, suspects: ownClock, 'the late outcome of a job that others ended and removed ends no other': ownClock, histories: ownClock, 'shared histories': ownClock, 'shared leases': ownClock,
    'the bus, as time goes by': ownClock,
    'leases, and what was announced, hold for every handle': ownClock,
    'within its window a key is held though its job has ended, and was purged': ownClock,
    'what expired, and was revived, is merged and replaced as what never was': ownClock,
    'merge: what has not begun has the higher priority, the earlier start and the later expiry of both': ownClock,
    'replace: what has not begun is as the newest, with the delay counted anew': ownClock,
    'a job that expires publishes what its failure publishes, and wakes who listens': ownClock,
    'ordered jobs of a key run one at a time in their order, through retries; a cancel, a failure and a death let the next go': ownClock,
    'a rate lets through as much as it says, at once and then one by one; costs count': ownClock,
    'the same rate of a queue, and of each key apart': ownClock,
    'what is held for a time is let go after it, and the longer of two times counts': ownClock,
    'what waits before a gate is found, cancelled, expired and purged as what stands in its line': ownClock,
    'a job that is published as another expires, in a queue that had no gates, is counted': ownClock,
    'a rate opens for what costs least of those that are first in their lines': ownClock,
    'what costs less than 1 goes through as often as the rate allows': ownClock,
    'what an expired job publishes may take the place of one that was next: it is as it says, and there once': ownClock,
    'the history tells what happened, in order': ownClock,
    'of sessions whose leases ran out together nothing goes from one to another': ownClock,
    'a slot comes on the clock of the backend, not a moment before': ownClock,
    'the oldest go first, as many as the limit says; young ones stay': ownClock
  }
}, { describe, test, expect })

test('what a listener throws is an uncaught error of the program, and the backend goes on', async () => {
  await using program = new TestProcess(fileURLToPath(new URL('../fixtures/backends/throwing-listener.ts', import.meta.url)), [join(folder, 'throwing.db')])
  expect(await program.ended()).toBe(0)
  expect(program.lines).toEqual(['of the listener', '1'])
})
