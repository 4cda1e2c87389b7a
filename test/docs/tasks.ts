import { task } from '../../src/index.ts'

export const area = task({ name: 'area' }, (width: number, height: number): number => width * height)

export const sumTo = task({ name: 'sumTo' }, (n: number): number => (n * (n + 1)) / 2)

export const lengthOf = task({ name: 'lengthOf' }, (numbers: Float64Array): number => numbers.length)

export const fetchText = task({ name: 'fetchText' }, async (url: string): Promise<string> => (await fetch(url)).text())
