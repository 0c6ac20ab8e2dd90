// One row of the table of fields: the same request, admitted under one value of a field and refused under another.
import { expect } from 'vitest'
import type { DenyReason } from '../../src/check/decision.ts'
import { REASONS } from '../../src/check/decision.ts'
import type { Answer, Asked, World } from './field-world.ts'

export type Value = 'admits' | 'refuses'

export type Row = Readonly<{
  /** What is set, and where. */
  name: string
  /** Cannot be asked through Envoy. */
  grpcOnly?: boolean
  run(world: World): Promise<void>
}>

/** Something to ask for, whose field has the value that was wanted. */
export type Subject = Readonly<{
  secret: string
  /** Gives the field the other value; absent where it cannot be given any more. */
  set?: (value: Value) => Promise<void>
}>

export type Trial = Readonly<{
  reason: DenyReason
  asked?: Asked
  /** It refuses for ever. */
  forGood?: boolean
  begin(world: World, value: Value): Promise<Subject>
}>

/** New and remembered, after a change and after that was taken back: the value that stands decides. */
export const trialRow = (name: string, { reason, asked = {}, forGood = false, begin }: Trial): Row => ({
  name,
  ...(asked.source === undefined ? {} : { grpcOnly: true }),
  run: async (world) => {
    const seen = async ({ secret }: Subject) => {
      const brief = ({ status, reason: told }: Answer) => `${status} ${told}`
      return [brief(await world.ask(secret, asked)), brief(await world.ask(secret, asked))]
    }
    const admitted = ['200 allow', '200 allow']
    const refused = [`${REASONS[reason].status} ${reason}`, `${REASONS[reason].status} ${reason}`]

    const first = await begin(world, 'admits')
    expect(await seen(first), 'the value that admits').toEqual(admitted)
    if (first.set !== undefined) {
      await first.set('refuses')
      expect(await seen(first), 'changed to the one that refuses').toEqual(refused)
      if (!forGood) {
        await first.set('admits')
        expect(await seen(first), 'changed back').toEqual(admitted)
      }
    }

    const second = await begin(world, 'refuses')
    expect(await seen(second), 'the value that refuses').toEqual(refused)
    if (second.set === undefined || forGood) return
    await second.set('admits')
    expect(await seen(second), 'changed to the one that admits').toEqual(admitted)
  },
})

/** What refuses nothing is told of instead. */
export const tellRow = (name: string, run: Row['run']): Row => ({ name, run })
