import { describe, expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { backendConformance } from '../../src/testing/backend-conformance.ts'
import { histories } from '../support/histories.ts'

const oneHandle = 'there is one handle on what is in this process\'s memory'

backendConformance({
  histories,
  name: 'memory',
  open: async (_where, clock) => memory({ clock }),
  skip: { handles: oneHandle, 'shared handles': oneHandle, 'so it is where two handles take the steps in turn': oneHandle, 'so it does where two handles take the steps in turn': oneHandle }
}, { describe, test, expect })
