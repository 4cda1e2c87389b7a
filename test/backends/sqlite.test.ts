import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { backendConformance } from '../../src/testing/backend-conformance.ts'
import { histories } from '../support/histories.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()

backendConformance({
  histories,
  name: 'sqlite',
  open: (where, clock) => sqlite(join(folder, `${where}.db`), { clock })
}, { describe, test, expect })
