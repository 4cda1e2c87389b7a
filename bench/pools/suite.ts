import type { Case, Suite } from '../suite.ts'

const us = { unit: 'us', better: 'lower' } as const
const ms = { unit: 'ms', better: 'lower' } as const

/** Beside pools, the plain loop, one after another, or the ideal. */
const plain = { ...ms, against: 'plain' } as const

export const suite: Suite = {
  name: 'pools',
  contenders: ['treadle', 'piscina', 'tinypool', 'workerpool', 'poolifier', 'plain'].map((name) => ({ name, module: `${name}.ts` })),
  cases: [
    ...['burst', 'outstanding-64', 'outstanding-1', 'array-64b'].map((name): Case => ({ name, ...us })),
    ...['map-plain', 'map-typed', 'map-tiny', 'skewed', 'inversions'].map((name): Case => ({ name, ...plain })),
    ...['move-1mb', 'share-32mb'].map((name): Case => ({ name, ...ms })),
    { name: 'processes', ...us },
    { name: 'idle-memory', unit: 'MB', better: 'lower' },
    { name: 'first-result', ...ms },
    { name: 'oversubscribed', ...plain, unit: 'times' }
  ]
}
