// An owner that is not there: it is told apart from other errors, and the error names the option that would have made it.
import { Rejection } from '../kernel/failure.ts'

export const isMissingOwner = (error: unknown): error is Rejection =>
  error instanceof Rejection && error.code === 'not_found' && error.message.startsWith('owner ')

export const tellingHowToMake = async <T>(option: string, work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    if (!isMissingOwner(error)) throw error
    throw new Rejection('not_found', `${error.message}; ${option} makes it`)
  }
}
