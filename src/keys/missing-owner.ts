// An owner that is not there, told apart from other errors: some commands can make it.
import { Rejection } from '../kernel/failure.ts'

export class MissingOwner extends Rejection {
  constructor(path: string) {
    super('not_found', `owner ${JSON.stringify(path.slice(0, 200))} does not exist`)
  }
}
