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
    delays: ownClock, leases: ownClock, suspects: ownClock, 'the late outcome of a job that others ended and removed ends no other': ownClock, histories: ownClock,
    'the bus, as time goes by': ownClock,
    'leases, and what was announced, hold for every handle': ownClock,
    'the history tells what happened, in order': ownClock,
    'the oldest go first, as many as the limit says; young ones stay': ownClock
  }
}, { describe, test, expect })

test('what a listener throws is an uncaught error of the program, and the backend goes on', async () => {
  await using program = new TestProcess(fileURLToPath(new URL('../fixtures/backends/throwing-listener.ts', import.meta.url)), [join(folder, 'throwing.db')])
  expect(await program.ended()).toBe(0)
  expect(program.lines).toEqual(['of the listener', '1'])
})
