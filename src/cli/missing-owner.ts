// An owner that is not there: the error names the option that would have made it.
import { Rejection } from '../kernel/failure.ts'
import { MissingOwner } from '../keys/missing-owner.ts'

export const tellingHowToMake = async <T>(option: string, work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof MissingOwner)) throw error
    throw new Rejection('not_found', `${error.message}; ${option} makes it`)
  }
}
