import { describe, expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { backendConformance } from '../../src/testing/backend-conformance.ts'

backendConformance({
  name: 'memory',
  open: async (_where, clock) => memory({ clock }),
  skip: { handles: 'there is one handle on what is in this process\'s memory' }
}, { describe, test, expect })
