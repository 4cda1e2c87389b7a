import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClaimBoard } from '../../src/executors/calls/claim-board.ts'

test('for each call exactly one side wins, whatever the order of claims and take-backs', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom('send', 'claim', 'takeBack')), (steps) => {
    const host = new ClaimBoard()
    const thread = new ClaimBoard(host.memory)
    const inbox: number[] = []
    const open = new Set<number>()
    const begun: number[] = []
    const takenBack: number[] = []
    let sent = 0
    const claimNext = (): void => {
      const seq = inbox.shift()
      if (seq !== undefined && thread.claim(seq)) begun.push(seq)
    }
    for (const step of steps) {
      if (step === 'send') {
        inbox.push(++sent)
        open.add(sent)
      } else if (step === 'claim') {
        claimNext()
      } else if (step === 'takeBack') {
        const last = host.takeBack(sent)
        for (const seq of open) {
          if (last === undefined || seq <= last) continue
          takenBack.push(seq)
          open.delete(seq)
        }
      }
    }
    while (inbox.length > 0) claimNext()
    expect([...begun, ...takenBack].sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, index) => index + 1))
    expect(host.lastBegun).toBe(begun.at(-1) ?? 0)
  }))
})
