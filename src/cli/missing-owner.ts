// An owner that is not there: the error names the option that would have made it.
import { Rejection } from '../kernel/failure.ts'

export const tellingHowToMake = async <T>(option: string, work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    const isOwner =
      error instanceof Rejection && error.code === 'not_found' && error.message.startsWith('owner ')
    throw isOwner ? new Rejection('not_found', `${error.message}; ${option} makes it`) : error
  }
}
